/** Restored nodes that have settled have no actor before they run again, and nobody sees that. */
import { Agent, type AgentOptions, type AgentRun, MemoryCache, MemoryStore, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deciding, failing, failure, nodeOf, success } from "../run/support.ts";
import { collect, endOf, gate, logged, newTask, TASK_ID } from "./fixture.ts";

interface PoolState {
  nodes: ReadonlyMap<string, object>;
}

interface PersistedRun {
  children: { nodes: { snapshot: { nodes: Record<string, unknown> } } };
}

function poolOf({ actor }: AgentRun): PoolState {
  const { children } = actor.getSnapshot() as unknown as { children: { nodes: { getSnapshot(): PoolState } } };
  return children.nodes.getSnapshot();
}

/** The nodes that have an actor, which alone takes events. */
const actorsIn = (run: AgentRun): string[] => [...poolOf(run).nodes].flatMap(([name, node]) => ("send" in node ? [name] : []));

const persistedNodes = ({ actor }: AgentRun): unknown =>
  JSON.parse(JSON.stringify((actor.getPersistedSnapshot() as unknown as PersistedRun).children.nodes.snapshot.nodes));

/** A chain that waits in its third node of four, until it is let go. */
function chain(): { nodes: Node[]; entered: Promise<void>; leave(): void } {
  const entered = gate();
  const left = gate();
  const wait = async () => {
    entered.open();
    await left.opened;
    return success("c");
  };
  const nodes = [nodeOf("a"), nodeOf("b", ["a"]), nodeOf("c", ["b"], wait), nodeOf("d", ["c"])];
  return { nodes, entered: entered.opened, leave: left.open };
}

describe("a restored node that has settled", () => {
  const stored = async (): Promise<{ store: MemoryStore; persisted: unknown }> => {
    const { nodes, entered } = chain();
    const store = new MemoryStore();
    const first = new Agent({ nodes, store, abortGraceMs: 1 }).start(newTask());
    first.outcome.catch(() => {});
    await entered;
    const persisted = persistedNodes(first);
    await first.park();
    return { store, persisted };
  };

  it("has no actor, and is persisted as it was stored", async () => {
    const { store, persisted } = await stored();
    const { nodes, entered, leave } = chain();
    const run = await new Agent({ nodes, store }).resume(TASK_ID);
    expect([...poolOf(run).nodes.keys()]).toEqual(["a", "b", "c"]);
    expect(actorsIn(run)).toEqual(["c"]);
    expect(persistedNodes(run)).toEqual(persisted);
    await entered;
    expect(actorsIn(run)).toEqual(["c"]);
    leave();
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { a: "a", b: "b", c: "c", d: "d" } });
    expect(actorsIn(run)).toEqual(["c", "d"]);
  });

  it("has one where somebody inspects", async () => {
    const { store } = await stored();
    const { nodes, entered, leave } = chain();
    const run = await new Agent({ nodes, store, inspect: () => {} }).resume(TASK_ID);
    expect(actorsIn(run)).toEqual(["a", "b", "c"]);
    await entered;
    expect(actorsIn(run)).toEqual(["a", "b", "c", "d"]);
    leave();
    expect((await run.outcome).status).toBe("COMPLETE");
  });

  it("is stored again as it was by a run that goes on from an older generation", async () => {
    const { store } = await stored();
    const { nodes, entered, leave } = chain();
    const generations = await store.generations(TASK_ID, { limit: 100 });
    const older = generations.at(1)?.generation as number;
    const run = await new Agent({ nodes, store }).startFromSnapshot({ taskId: TASK_ID, generation: older });
    await entered;
    const { generation } = await run.snapshot();
    const before = await store.load(TASK_ID, older);
    const after = await store.load(TASK_ID, generation);
    expect(after?.parts.get("node/a")).toBe(before?.parts.get("node/a"));
    expect(after?.parts.get("node/a")).toContain('"COMPLETE"');
    leave();
    await run.outcome;
  });
});

describe("a dormant node is the same as one that lived", () => {
  /** Runs a graph whose node `stop` waits once, takes it over while that waits, and compares. */
  async function takenOver(graph: (log: string[], stop: (after: string[]) => Node) => Node[], dormant: string[]) {
    const stopping = (work: () => Promise<void>) => (after: string[]) =>
      nodeOf("stop", after, async () => {
        await work();
        return success();
      });
    const lived: string[] = [];
    const agent = new Agent({
      nodes: graph(
        lived,
        stopping(async () => {}),
      ),
      store: new MemoryStore(),
    });
    const expected = endOf(agent, await agent.runTask(newTask()));

    const log: string[] = [];
    const store = new MemoryStore();
    const entered = gate();
    const hanging = stopping(() => {
      entered.open();
      return new Promise(() => {});
    });
    const first = new Agent({ nodes: graph(log, hanging), store, abortGraceMs: 1 }).start(newTask());
    first.outcome.catch(() => {});
    await entered.opened;
    await first.snapshot();
    const second = new Agent({
      nodes: graph(
        log,
        stopping(async () => {}),
      ),
      store,
    });
    const run = await second.resume(TASK_ID, { takeOver: true });
    expect(actorsIn(run).filter((name) => dormant.includes(name))).toEqual([]);
    const outcome = await run.outcome;
    expect(actorsIn(run)).toEqual(expect.arrayContaining(dormant));
    expect(endOf(second, outcome)).toEqual(expected);
    expect(log).toEqual(lived);
    return outcome;
  }

  it("when a jump leads back to it", async () => {
    const graph = (log: string[], stop: (after: string[]) => Node): Node[] => {
      const again = (): string | null => (log.filter((entry) => entry.startsWith("work")).length < 3 ? "work" : null);
      return [
        new Node({ name: "work", modules: [logged(log, "work", ({ node, idempotencyKey }) => [node.visit, idempotencyKey])] }),
        stop(["work"]),
        deciding("again?", ["stop"], again),
      ];
    };
    const { executions } = await takenOver(graph, ["work"]);
    expect(executions).toMatchObject({ work: 3 });
  });

  it("when it was skipped, and runs after a jump", async () => {
    const graph = (log: string[], stop: (after: string[]) => Node): Node[] => [
      new Node({ name: "work", modules: [logged(log, "work", ({ values }) => values.increment("rounds"))] }),
      new Node({ name: "maybe", dependencies: ["work"], modules: [logged(log, "maybe")], nodeConfig: { condition: "rounds > 1" } }),
      stop(["work", "maybe"]),
      deciding("again?", ["stop"], () => (log.filter((entry) => entry.startsWith("work")).length < 2 ? "work" : null)),
    ];
    const { executions } = await takenOver(graph, ["work", "maybe"]);
    expect(executions).toMatchObject({ work: 2, maybe: 1 });
  });

  it("when its jump is refused after its message is there", async () => {
    const nodes = (): Node[] => [
      failing("bad"),
      nodeOf("blocked", ["bad"]),
      nodeOf("decide", [], () => ({ ...success("x"), decision: "blocked" }), { outputMailbox: { shared: "news" } }),
      nodeOf("next", ["decide"]),
    ];
    const options = (cache: MemoryCache): AgentOptions => ({ nodes: nodes(), cache, store: new MemoryStore() });
    const living = new Agent(options(new MemoryCache()));
    const expected = endOf(living, await living.runTask(newTask()));

    const asked = gate();
    class SilentCache extends MemoryCache {
      override publishToMailbox(): Promise<void> {
        asked.open();
        return new Promise(() => {});
      }
    }
    const first = options(new SilentCache());
    const stuck = new Agent({ ...first, effectTimeoutMs: 3_600_000 }).start(newTask());
    stuck.outcome.catch(() => {});
    const failed = collectUntil(stuck, "node.failed");
    await asked.opened;
    await failed;
    await stuck.snapshot();
    const second = new Agent({ ...first, cache: new MemoryCache(), nodes: nodes() });
    const run = await second.resume(TASK_ID, { takeOver: true });
    expect(actorsIn(run)).toEqual([]);
    const outcome = await run.outcome;
    expect(actorsIn(run)).toEqual(["decide"]);
    expect(outcome.nodes.decide).toMatchObject({ status: "error", code: "target-failed" });
    expect(endOf(second, outcome)).toEqual(expected);
  });

  it("when a retry begins another visit of it", async () => {
    const graph = (isBroken: boolean): Node[] => [
      nodeOf("a"),
      nodeOf("b", ["a"], ({ idempotencyKey }) => (isBroken ? failure("broken") : success(idempotencyKey)), {
        nodeConfig: { retryOnFailure: false },
      }),
    ];
    const store = new MemoryStore();
    await new Agent({ nodes: graph(true), store }).runTask(newTask());
    const run = await new Agent({ nodes: graph(false), store }).retry(TASK_ID, { keys: "new" });
    expect(actorsIn(run)).toEqual([]);
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 2 }, results: { b: `${TASK_ID}/b.2/b` } });
    expect(actorsIn(run)).toEqual(["b"]);
  });
});

/** Until the run tells it. */
async function collectUntil(run: AgentRun, type: string): Promise<void> {
  for await (const event of run.events({ from: 1 })) if (event.type === type) return;
}

describe("nodes that are let go of at the end of a wide run", () => {
  /** More than are let go of at once. */
  const wide = (isBroken: () => boolean): Node[] => [
    nodeOf("bad", [], () => (isBroken() ? failure("broken") : success("good")), { nodeConfig: { retryOnFailure: false } }),
    ...Array.from({ length: 300 }, (_, index) => nodeOf(`n${index}`)),
  ];

  it("are not written again, and can be retried", async () => {
    const store = new MemoryStore();
    const run = new Agent({ nodes: wide(() => true), store, snapshot: "ONCE" }).start(newTask());
    const events = collect(run.events());
    expect((await run.outcome).status).toBe("PARTIAL");
    await events;
    const last = await store.load(TASK_ID);
    for (const [name, text] of last?.parts ?? []) if (name.startsWith("node/")) expect(text).toContain('"status":"active"');
    const retried = await (await new Agent({ nodes: wide(() => false), store }).retry(TASK_ID)).outcome;
    expect(retried).toMatchObject({ status: "COMPLETE", results: { bad: "good", n299: "n299" } });
  });
});
