/** Two agents at one stored run, as two hosts would be, that do all at once what may be done to a run. */
import { Agent, type AgentEvent, type AgentRun, AsimovError, MemoryStore, type RunStore, Runs, Task } from "asimov-agents";
import fc from "fast-check";
import { expect, it } from "vitest";
import { nodeOf, success } from "../run/support.ts";
import { all } from "./stores.ts";

const RACES = 1_500;
/** Far more than the longest one takes; what settles later has hung. */
const LIMIT_MS = 10_000;
const VERBS = ["attach", "resume", "takeOver", "park", "cancel", "cancelOutside", "send", "snapshot", "retry", "view", "wait"] as const;
/** What somebody may be told who comes at the wrong moment. */
const CODES = [
  ...["run-owned", "run-ended", "run-fenced", "run-parked", "run-not-found", "run-not-ended", "run-exists", "run-stopped"],
  ...["snapshot-not-found", "cancelled"],
];

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Whoever is refused is told why. */
async function told(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof AsimovError) || !CODES.includes(error.code)) throw error;
  });
}

class Host {
  readonly #agent: Agent;
  readonly #runs: Runs;
  readonly #task: Task;
  #run: AgentRun | undefined;

  constructor(store: RunStore, id: string, log: string[]) {
    const work = (name: string, dependencies: string[], length: number) =>
      nodeOf(name, dependencies, async ({ idempotencyKey, signal, fence }) => {
        log.push(`${idempotencyKey} ${fence}`);
        await turns(length);
        signal.throwIfAborted();
        return success(name);
      });
    const nodes = [work("a", [], 1), work("b", ["a"], 3), work("c", ["a"], 1), work("d", ["b", "c"], 1)];
    this.#agent = new Agent({ name: "raced", store, nodes });
    this.#runs = new Runs(store);
    this.#task = new Task({ id, type: "test", objective: "Be raced for" });
  }

  async #keep(run: Promise<AgentRun>): Promise<void> {
    this.#run = await run;
  }

  async does(verb: (typeof VERBS)[number]): Promise<void> {
    const { id } = this.#task;
    switch (verb) {
      case "attach":
        this.#run = this.#agent.start(new Task({ id, type: "test", objective: "Be raced for" }), { ifExists: "attach" });
        return await told(this.#run.outcome);
      case "resume":
      case "takeOver":
        return await told(this.#keep(this.#agent.resume(id, { takeOver: verb === "takeOver" })));
      case "retry":
        return await told(this.#keep(this.#agent.retry(id, {})));
      case "park":
        return await told(this.#run?.park() ?? Promise.resolve());
      case "cancel":
        return await told(this.#run?.cancel("enough") ?? Promise.resolve());
      case "cancelOutside":
        return await told(this.#runs.cancel(id, "enough"));
      case "send":
        return await told(this.#runs.send(id, "box", 1));
      case "snapshot":
        return await told(this.#run?.snapshot() ?? Promise.resolve());
      case "view":
        return await told(this.#runs.get(id));
      case "wait":
        return await told(this.#run?.outcome ?? Promise.resolve());
    }
  }

  /** Whatever became of it, it is ended. */
  async end(): Promise<void> {
    await told(this.#agent.resume(this.#task.id, { takeOver: true }).then((run) => run.outcome));
  }
}

/** Numbers without gaps; of each visit one end; nothing begins again that has ended, but by a retry; every end is told once more by a retry alone. */
function requireLaws(events: AgentEvent[], log: string[]): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const ended = events.flatMap((event) => (event.type === "node.completed" ? [`${event.node}.${event.visit}`] : []));
  expect(ended.length).toBe(new Set(ended).size);
  expect(events.at(-1)).toMatchObject({ type: "run.ended" });
  for (const [index, { type }] of events.entries()) {
    if (type === "run.ended" && index + 1 < events.length) expect(events[index + 1]).toMatchObject({ type: "run.restored" });
  }
  const keys = log.map((line) => line.split(" ")[0] as string);
  for (const key of keys) expect(key).toMatch(/^[^/]+\/[a-d]\.1\/[a-d]$/);
}

it("every promise of a raced run settles, and its story is one", { timeout: 1_200_000 }, async () => {
  const step = fc.record({ host: fc.nat(1), verb: fc.constantFrom(...VERBS), pause: fc.nat(6) });
  let races = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 14 }), async (steps) => {
      const [store, id, log] = [new MemoryStore({ keepEvents: 10_000 }), `race-${races++}`, [] as string[]];
      const hosts = [new Host(store, id, log), new Host(store, id, log)] as const;
      const under = [hosts[0].does("attach")];
      for (const { host, verb, pause } of steps) {
        await turns(pause);
        under.push((hosts[host] as Host).does(verb));
      }
      await Promise.all([...under, turns(1).then(() => hosts[1].end())]);
      await hosts[0].end();
      requireLaws(await all(new Runs(store).events(id, { from: 1 })), log);
      await store.close();
    }),
    { numRuns: RACES, timeout: LIMIT_MS, interruptAfterTimeLimit: 1_100_000, markInterruptAsFailure: false },
  );
});
