/** The plans that a run has replaced: each distinct one is kept once, so that a loop does not store its plan again at every jump. */
import type { Levels } from "#contract/graph/plan";
import type { NameList } from "./name-list.ts";

/** Replaced plans that are remembered: a loop of 100,000 jumps must not eat the memory. */
export const HISTORY_LIMIT = 100;

/** A plan and how far it came; never changed in place. */
export interface PastPlan {
  /** Of the plans of one run. */
  id: number;
  levels: Levels;
  index: number;
  skipped: NameList;
}

export interface History {
  /** By id, oldest first; the newest `HISTORY_LIMIT`. */
  order: readonly number[];
  /** The plans that `order` names. */
  plans: readonly PastPlan[];
}

export const NO_HISTORY: History = { order: [], plans: [] };

const isSameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, place) => name === b[place]));

const isSameLevels = (a: Levels, b: Levels): boolean =>
  a === b || (a.length === b.length && a.every((names, level) => isSameNames(names, b[level] as readonly string[])));

/** @param plan its id is new to the run; an equal plan that is remembered is named again instead */
export function withPlan({ order, plans }: History, plan: PastPlan): History {
  const known = plans.find(
    ({ index, levels, skipped }) =>
      index === plan.index && isSameLevels(levels, plan.levels) && isSameNames(skipped.flat(), plan.skipped.flat()),
  );
  const kept = [...order.slice(1 - HISTORY_LIMIT), known?.id ?? plan.id];
  const all = known === undefined ? [...plans, plan] : plans;
  const forgotten = order.length < HISTORY_LIMIT ? undefined : order[0];
  const isForgotten = forgotten !== undefined && !kept.includes(forgotten);
  return { order: kept, plans: isForgotten ? all.filter(({ id }) => id !== forgotten) : all };
}

/** The plans in the order in which they were replaced. */
export function pastPlans({ order, plans }: History): PastPlan[] {
  const byId = new Map(plans.map((plan) => [plan.id, plan]));
  return order.flatMap((id) => byId.get(id) ?? []);
}
