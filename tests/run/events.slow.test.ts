/** The cost of an event does not grow with those that are unread before it. */
import { Agent } from "asimov-agents";
import { expect, it } from "vitest";
import { cheapest } from "../support/cheapest.ts";
import { newTask, nodeOf, success } from "./support.ts";

/** Tells so many events, and reads them when the run has ended. */
async function tellAndRead(count: number): Promise<void> {
  const noisy = nodeOf("noisy", [], ({ emit }) => {
    for (let index = 0; index < count; index++) emit({ type: "tick", index });
    return success();
  });
  const run = new Agent({ nodes: [noisy] }).start(newTask());
  const events = run.events({ maxBuffered: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  await run.outcome;
  let read = 0;
  while ((await events.next()).done !== true) read++;
  expect(read).toBe(count + 6);
}

it("an event among 200,000 unread costs about what one among 10,000 costs", async () => {
  const [few = 0, many = 0] = await cheapest([() => tellAndRead(10_000), () => tellAndRead(200_000)], 5);
  // Room for the garbage collector, which has no work with few: an array's shift makes it more than fifty times.
  expect(many / 20 / few).toBeLessThan(10);
});
