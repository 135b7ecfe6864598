import { Agent, defineModule, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { expect, it } from "vitest";

it("parks and goes on", async () => {
  const clock = new SimulatedClock();
  const store = new MemoryStore({ clock });
  const log: string[] = [];
  const make = () => {
    const work = defineModule({
      name: "work",
      process: async (context) => {
        const page = await context.step("download", () => (log.push("download"), 1));
        await context.sleep(3_600_000);
        const news = await context.receive<string>("news");
        return { status: "success", result: { page, news } };
      },
    });
    return new Agent({ name: "a", clock, store, nodes: [new Node({ name: "n", modules: [work] })] });
  };
  const first = await make().runTask(new Task({ id: "t", type: "x", objective: "y" }), { whenWaiting: "park" });
  console.log(first, (await new Runs(store).get("t")).status);
  await clock.advance(3_700_000);
  console.log((await new Runs(store).get("t")).status);
  const second = await (await make().resume("t", { whenWaiting: "park" })).outcome;
  console.log(second, (await new Runs(store).get("t")).status);
  await new Runs(store).send("t", "news", "hello");
  console.log((await new Runs(store).get("t")).status);
  const third = await (await make().resume("t", { whenWaiting: "park" })).outcome;
  console.log(JSON.stringify(third), log);
});
