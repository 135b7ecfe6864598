/** Runs of five modules, by workers on a server or in the process that asks for them. */
import { Agent, type AgentOptions, defineModule, Node, Runs, Task } from "../../src/index.ts";
import { AgentWorker, bullQueue, localQueue, type WorkQueue } from "../../src/worker.ts";
import { type OnServer, storeIn } from "./ours-stores.ts";

export type Work = "waits 20 ms" | "burns 20 ms" | "no-op";
export type QueueName = "localQueue" | "bullQueue";

const STEPS = ["a", "b", "c", "d", "e"];
const AT_ONCE = 10;
const MODULE_MS = 20;

function burn(): void {
  const until = process.cpuUsage().user + MODULE_MS * 1_000;
  while (process.cpuUsage().user < until);
}

/** What is measured apart on one server has a name of its own. */
export interface Measured {
  kind: OnServer;
  url: string;
  name: string;
  work: Work;
}

const agentOf = ({ name: agent, work }: Measured, options: Pick<AgentOptions, "store"> = {}): Agent => {
  const module = defineModule({
    name: "work",
    process: async () => {
      if (work === "waits 20 ms") await new Promise((done) => setTimeout(done, MODULE_MS));
      if (work === "burns 20 ms") burn();
      return { status: "success", result: "done" };
    },
  });
  const nodes = STEPS.map((name, at) => new Node({ name, modules: [module], dependencies: STEPS.slice(0, at).slice(-1) }));
  return new Agent({ name: agent, nodes, maxConcurrentTasks: 100, ...options });
};

const queueOf = ({ kind, url }: Measured, queue: QueueName): WorkQueue =>
  queue === "localQueue" ? localQueue() : bullQueue({ connection: url, backend: kind === "RedisStore" ? "redis" : "postgres" });

const taskOf = ({ name }: Measured, at: number): Task => new Task({ id: `${name}-${at}`, type: "bench", objective: "Work" });

export async function submitRuns(measured: Measured, queue: QueueName, count: number): Promise<number> {
  const [store, woken] = [storeIn(measured.kind, measured.url), queueOf(measured, queue)];
  const runs = new Runs(store, { queue: woken });
  for (let at = 0; at < count; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, index) =>
        runs.submit(taskOf(measured, at + index), { agent: measured.name }),
      ),
    );
  if ("close" in woken) await (woken.close as () => Promise<void>)();
  await store.close();
  return count;
}

/** Until nothing is left: when it began and when it ended, by `Date.now`. */
export async function workOn(measured: Measured, queue: QueueName): Promise<[number, number]> {
  const store = storeIn(measured.kind, measured.url);
  const worker = new AgentWorker({
    agents: [agentOf(measured)],
    store,
    queue: queueOf(measured, queue),
    concurrency: AT_ONCE,
    onHeld: () => {},
  });
  const startedAt = Date.now();
  await worker.start();
  await worker.drain();
  const endedAt = Date.now();
  await worker.stop();
  await store.close();
  return [startedAt, endedAt];
}

/** The same runs, as many at a time, without a worker, on the same store. */
export async function runInProcess(measured: Measured, count: number): Promise<[number, number]> {
  const store = storeIn(measured.kind, measured.url);
  const agent = agentOf(measured, { store });
  const startedAt = Date.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const { status } = await agent.runTask(taskOf(measured, at));
      if (status !== "COMPLETE") throw new Error(`run ${at} ended as ${status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const endedAt = Date.now();
  await store.close();
  return [startedAt, endedAt];
}
