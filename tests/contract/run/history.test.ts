import { describe, expect, it } from "vitest";
import { HISTORY_LIMIT, NO_HISTORY, pastPlans, withPlan } from "#contract/run/history";

const plan = (id: number, name: string, skipped: string[] = []) => ({
  id,
  levels: [["start"], [name]],
  index: 1,
  skipped: skipped.length === 0 ? [] : [skipped],
});

describe("history of plans", () => {
  it("keeps an equal plan once, whatever its id, and tells of it each time", () => {
    let history = NO_HISTORY;
    for (let id = 0; id < 5; id++) history = withPlan(history, plan(id, "a"));
    expect(history).toEqual({ order: [0, 0, 0, 0, 0], plans: [plan(0, "a")] });
    expect(pastPlans(history)).toHaveLength(5);
  });

  it("tells apart plans that differ in nodes, in how far they came, and in what they skipped", () => {
    const all = [plan(0, "a"), plan(1, "b"), { ...plan(2, "a"), index: 2 }, plan(3, "a", ["a"])];
    expect(pastPlans(all.reduce(withPlan, NO_HISTORY))).toEqual(all);
  });

  it("forgets the oldest over its limit, and a plan that no place names any more", () => {
    let history = withPlan(NO_HISTORY, plan(0, "once"));
    for (let id = 1; id <= HISTORY_LIMIT; id++) history = withPlan(history, plan(id, id % 2 === 0 ? "even" : "odd"));
    expect(history.order).toHaveLength(HISTORY_LIMIT);
    expect(history.plans.map(({ id }) => id)).toEqual([1, 2]);
  });
});
