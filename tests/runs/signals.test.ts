/** The signal that is given to a run which goes on. */
import { Agent, type AgentRun, MemoryStore, type Node, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failure, nodeOf } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

/** Fails at once, or works until it is aborted. */
function graph(fails: boolean): { nodes: Node[]; entered: Promise<void> } {
  const entered = deferred();
  const node = nodeOf(
    "a",
    [],
    async ({ signal }) => {
      if (fails) return failure("broken");
      entered.resolve();
      await aborted(signal);
      signal.throwIfAborted();
    },
    { nodeConfig: { retryOnFailure: false } },
  );
  return { nodes: [node], entered: entered.promise };
}

/** Runs that have failed, or were put down. */
async function stored(store: MemoryStore, ids: readonly string[], how: "failed" | "parked"): Promise<void> {
  for (const id of ids) {
    const { nodes, entered } = graph(how === "failed");
    const run = new Agent({ name: "worker", store, nodes }).start(taskOf(id));
    if (how === "failed") await run.outcome;
    else await entered.then(() => run.park());
  }
}

type GoOn = (agent: Agent, signal: AbortSignal) => Promise<AgentRun[]>;

describe("a signal cancels", () => {
  it.each<[string, string[], "failed" | "parked", GoOn]>([
    ["all runs of resumeAll", ["t1", "t2"], "parked", (agent, signal) => all(agent.resumeAll({ signal }))],
    ["a run that is retried", ["t1"], "failed", async (agent, signal) => [await agent.retry("t1", { signal })]],
    ["a fork", ["t1"], "parked", async (agent, signal) => [await agent.fork("t1", { taskId: "f", signal })]],
  ])("%s", async (_what, ids, how, goOn) => {
    const store = new MemoryStore();
    await stored(store, ids, how);
    const { nodes, entered } = graph(false);
    const stopping = new AbortController();
    const runs = await goOn(new Agent({ name: "worker", store, nodes }), stopping.signal);
    expect(runs).toHaveLength(ids.length);
    await entered;
    stopping.abort(new Error("no more"));
    for (const { id, outcome } of runs) {
      expect(await outcome).toMatchObject({ status: "FAILED", task: { error: expect.stringContaining("no more") } });
      expect(await new Runs(store).get(id)).toMatchObject({ status: "CANCELLED" });
    }
  });

  it("no run that a fork was made of", async () => {
    const store = new MemoryStore();
    await stored(store, ["t1"], "parked");
    const agent = new Agent({ name: "worker", store, nodes: graph(false).nodes });
    const { outcome } = await agent.fork("t1", { signal: AbortSignal.abort() });
    expect((await outcome).status).toBe("FAILED");
    expect(await new Runs(store).get("t1")).toMatchObject({ status: "READY" });
  });
});
