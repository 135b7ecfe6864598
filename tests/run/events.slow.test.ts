/** The cost of an event does not grow with those that are unread before it. */
import { Agent } from "asimov-agents";
import { expect, it } from "vitest";
import { median } from "../support/median.ts";
import { newTask, nodeOf, success } from "./support.ts";

/** Milliseconds of one event, from its telling to its reading after the end of the run. */
async function costOf(count: number): Promise<number> {
  const noisy = nodeOf("noisy", [], ({ emit }) => {
    for (let index = 0; index < count; index++) emit({ type: "tick", index });
    return success();
  });
  const run = new Agent({ nodes: [noisy] }).start(newTask());
  const events = run.events({ maxBuffered: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const startedAt = performance.now();
  await run.outcome;
  let read = 0;
  while ((await events.next()).done !== true) read++;
  expect(read).toBe(count + 5);
  return (performance.now() - startedAt) / count;
}

it("an event among 200,000 unread costs about what one among 10,000 costs", async () => {
  await costOf(10_000);
  const small: number[] = [];
  const large: number[] = [];
  for (let round = 0; round < 5; round++) {
    small.push(await costOf(10_000));
    large.push(await costOf(200_000));
  }
  // Room for the garbage collector: an array's shift makes it more than fifty times.
  expect(median(large) / median(small)).toBeLessThan(10);
}, 120_000);
