/** A worker stops whatever it is at: while it claims, while its store does not answer, twice; nothing hangs, and nothing is lost. */
import {
  Agent,
  agentModule,
  type ClaimOptions,
  type Commit,
  defineModule,
  type FindQuery,
  type Lease,
  MemoryStore,
  Node,
  type Owner,
  Runs,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";

const HOUR = 3_600_000;
const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

/** Does not answer what it is told not to answer, until it is told to. */
class Silent extends MemoryStore {
  readonly #held = new Map<string, PromiseWithResolvers<void>>();
  hold(what: string): void {
    this.#held.set(what, Promise.withResolvers());
  }
  answer(what: string): void {
    this.#held.get(what)?.resolve();
    this.#held.delete(what);
  }
  override async claim(taskId: string, owner: Owner, options?: ClaimOptions) {
    await this.#held.get("claim")?.promise;
    return await super.claim(taskId, owner, options);
  }
  override async commit(lease: Lease, commit: Commit) {
    await this.#held.get("commit")?.promise;
    return await super.commit(lease, commit);
  }
  override async find(query: FindQuery) {
    await this.#held.get("find")?.promise;
    return await super.find(query);
  }
}

function benchOf() {
  const clock = new SimulatedClock();
  const store = new Silent({ clock });
  const runs = new Runs(store, { clock });
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const told: unknown[] = [];
  const work = defineModule({
    name: "work",
    process: async ({ signal }) => {
      resolve();
      return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const agent = new Agent({ name: "stops", clock, effectTimeoutMs: 5_000, nodes: [new Node({ name: "work", modules: [work] })] });
  const worker = new AgentWorker({
    ...{ agents: [agent], store, clock, leaseMs: 30_000, queue: localQueue({ pollMs: 1_000 }) },
    onRefused: (error) => void told.push((error as { code?: string }).code),
  });
  const statusOf = async (id: string) => (await runs.get(id)).status;
  return { clock, store, runs, worker, begun, told, statusOf };
}

describe("a worker that is stopped", () => {
  it("while it claims a run gives that back", async () => {
    const { clock, store, worker, statusOf } = benchOf();
    await worker.start();
    store.hold("claim");
    await worker.submit(taskOf("a"), { agent: "stops" });
    await clock.advance(0);
    expect(worker.health().running).toBe(1);
    const stopping = worker.stop({ graceMs: 0 });
    await clock.advance(10);
    expect(worker.health().state).toBe("stopping");
    store.answer("claim");
    await clock.runUntil(stopping);
    expect([worker.health(), await statusOf("a")]).toMatchObject([{ state: "stopped", running: 0 }, "READY"]);
  });

  it("while its store does not answer what is READY stops in time", async () => {
    const { clock, store, worker } = benchOf();
    await worker.start();
    store.hold("find");
    await clock.advance(2_000);
    const drained = expect(worker.drain()).rejects.toMatchObject({ code: "worker-stopped" });
    await clock.runUntil(worker.stop({ graceMs: 1_000 }));
    await drained;
    expect(worker.health().state).toBe("stopped");
    store.answer("find");
  });

  it("while its store takes nothing lets go of what it could not put down, says so, and another has it when the lease has run out", async () => {
    const { clock, store, worker, begun, told, statusOf } = benchOf();
    await worker.start();
    await worker.submit(taskOf("a"), { agent: "stops" });
    await clock.runUntil(begun);
    store.hold("commit");
    await clock.runUntil(worker.stop({ graceMs: 0 }));
    expect(told).toEqual(["run-parking"]);
    expect(worker.health()).toMatchObject({ state: "stopped", running: 0 });
    expect(await statusOf("a")).toBe("RUNNING");
    await clock.advance(30_000);
    expect(await statusOf("a")).toBe("READY");
    const heir = new AgentWorker({
      agents: [
        new Agent({
          name: "stops",
          clock,
          nodes: [new Node({ name: "work", modules: [defineModule({ name: "work", process: async () => ({ status: "success" }) })] })],
        }),
      ],
      ...{ store, clock, queue: localQueue({ pollMs: HOUR }) },
    });
    store.answer("commit");
    await heir.start();
    await clock.runUntil(heir.drain());
    expect([await statusOf("a"), (await store.read("a"))?.ends]).toEqual(["COMPLETE", 1]);
    await heir.stop();
  });

  it("leaves its parents parked, and puts down their children, which are runs of its own", async () => {
    const { clock, store, runs } = benchOf();
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const hang = defineModule({
      name: "hang",
      process: async ({ signal }) => {
        resolve();
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const inner = new Agent({ name: "inner", clock, nodes: [new Node({ name: "hang", modules: [hang] })] });
    const ask = agentModule(inner, { name: "ask", task: () => ({ objective: "Hang" }) });
    const outer = new Agent({ name: "outer", clock, nodes: [new Node({ name: "ask", modules: [ask] })] });
    const worker = new AgentWorker({ agents: [outer, inner], store, clock, queue: localQueue({ pollMs: HOUR }) });
    await worker.start();
    await worker.submit(taskOf("t"), { agent: "outer" });
    await clock.runUntil(begun);
    const child = (await runs.get("t")).nodes.ask?.childTaskId ?? "";
    await clock.runUntil(worker.stop({ graceMs: 0 }));
    expect([(await runs.get("t")).status, (await runs.get(child)).status]).toEqual(["PARKED", "READY"]);
  });

  it("twice stops once, as soon as either asks for, and tells whoever waits for it", async () => {
    const { clock, worker, begun, statusOf } = benchOf();
    await worker.start();
    await worker.submit(taskOf("a"), { agent: "stops" });
    await clock.runUntil(begun);
    const before = clock.now();
    const first = worker.stop({ graceMs: HOUR });
    const second = worker.stop();
    await clock.advance(20_000);
    expect(worker.health().state).toBe("stopping");
    await clock.runUntil(Promise.all([first, second, worker.stop({ graceMs: 0 }), worker.stopped]));
    expect(clock.now() - before).toBeLessThan(HOUR);
    expect(await statusOf("a")).toBe("READY");
    await worker.stop();
  });
});
