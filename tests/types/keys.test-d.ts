/** What may be asked of the starts of a key, as the compiler sees it. */
import type { Runs, Submitted, Task } from "asimov-agents";
import type { AgentWorker } from "asimov-agents/worker";

export async function submits(runs: Runs, worker: AgentWorker, task: Task): Promise<Submitted[]> {
  const agent = "report";
  const told: Submitted[] = [
    await runs.submit(task, { agent }),
    await runs.submit(task, { agent, delayMs: 5 }),
    await runs.submit(task, { agent, key: "k" }),
    await runs.submit(task, { agent, key: "k", limit: { concurrent: 1 }, delayMs: 5, priority: 1 }),
    await runs.submit(task, { agent, key: "k", limit: { perMinute: 1 }, debounceMs: 5 }),
    await worker.submit(task, { agent, key: "k", limit: { concurrent: 1, perMinute: 1 }, singleton: true }),
  ];
  // @ts-expect-error whose starts?
  await runs.submit(task, { agent, limit: { concurrent: 1 } });
  // @ts-expect-error whose starts?
  await runs.submit(task, { agent, debounceMs: 5 });
  // @ts-expect-error whose starts?
  await runs.submit(task, { agent, singleton: true });
  // @ts-expect-error the newest stands, or the oldest
  await runs.submit(task, { agent, key: "k", debounceMs: 5, singleton: true });
  // @ts-expect-error two moments to begin at
  await runs.submit(task, { agent, key: "k", debounceMs: 5, delayMs: 5 });
  // @ts-expect-error no such limit
  await runs.submit(task, { agent, key: "k", limit: { perHour: 5 } });
  return told;
}
