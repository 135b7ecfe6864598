import { Agent, defineModule, MemoryStore, Node, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { expect, it } from "vitest";

it("steps, sleeps, receives", async () => {
  const clock = new SimulatedClock();
  const store = new MemoryStore({ clock });
  const log: string[] = [];
  let tries = 0;
  const work = defineModule({
    name: "work",
    process: async (context) => {
      const page = await context.step("download", ({ idempotencyKey }) => {
        log.push(`download ${idempotencyKey}`);
        return { page: 1 };
      });
      await context.sleep(3_600_000);
      const news = await context.receive<string>("news");
      if (++tries < 2) throw new Error("once more");
      return { status: "success", result: { page, news, at: clock.now() } };
    },
  });
  const agent = new Agent({ name: "a", clock, store, nodes: [new Node({ name: "n", modules: [work] })] });
  const run = agent.start(new Task({ id: "t", type: "x", objective: "y" }));
  (async () => { for await (const e of run.events()) log.push(e.type + ("waiting" in e ? JSON.stringify(e.waiting) : "")); })();
  await clock.advance(1_000);
  console.log(JSON.stringify(run.view().nodes), JSON.stringify((run.actor.getSnapshot() as any).value), [...(run.actor.getSnapshot() as any).children.nodes.getSnapshot().nodes.values()].map((n: any) => JSON.stringify(n.getSnapshot().value)));
  await clock.advance(3_600_000);
  console.log(JSON.stringify(run.view().nodes));
  await run.send("news", "hello");
  const outcome = await run.outcome;
  console.log(JSON.stringify(outcome.results), log.join("\n"));
  expect(outcome.status).toBe("COMPLETE");
});
