import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Queue, type QueueItem } from "#contract/base/queue";

describe("queue", () => {
  it("behaves as an array does, whatever leaves from its middle", () => {
    const step = fc.oneof(fc.constant("push"), fc.constant("shift"), fc.nat(9));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new Queue<number>();
        const model: QueueItem<number>[] = [];
        const left: QueueItem<number>[] = [];
        for (const [index, what] of steps.entries()) {
          if (what === "push") model.push(queue.push(index));
          else if (what === "shift") expect(queue.shift()).toBe(model.shift()?.value);
          else {
            const item = model[what] ?? left[0];
            if (item === undefined) continue;
            queue.remove(item);
            if (model.includes(item)) left.push(...model.splice(what, 1));
          }
          expect([...queue]).toEqual(model.map(({ value }) => value));
          expect(queue.size).toBe(model.length);
          expect(queue.first).toBe(model[0]?.value);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
