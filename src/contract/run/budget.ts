/** What one run may spend on models: calls are booked before they are made, so that a limit is never found out too late. */
import * as z from "zod/mini";
import { NonRetryableError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import type { CallEstimate } from "#contract/chat/call-scope";
import { totalTokens, type Usage } from "#contract/chat/usage";

/** The limits of one run, over all its graphs, attempts and restores; each is optional. */
export interface Budget {
  /** Tokens in and out, at least 1. A call is booked as its input and its `maxTokens`; one without `maxTokens` may answer beyond. */
  maxTokens?: number;
  /** Calls of models, at least 1; a call that is tried again by its client is one. */
  maxCalls?: number;
  /** Dollars, more than 0. A model without a known price is refused; see the client's option `prices`. */
  maxCost?: number;
}

const count = z.int({ message: "expected a whole number, at least 1" }).check(z.gte(1, { message: "expected a whole number, at least 1" }));

export const budgetSchema = lazily(() =>
  z.strictObject({
    maxTokens: z.optional(count),
    maxCalls: z.optional(count),
    maxCost: z.optional(
      z.number({ message: "expected dollars, more than 0" }).check(z.positive({ message: "expected dollars, more than 0" })),
    ),
  }),
);

export interface Spending {
  calls: number;
  tokens: number;
  /** Dollars, as far as they are known. */
  cost: number;
}

export const NOTHING_SPENT: Spending = Object.freeze({ calls: 0, tokens: 0, cost: 0 });

export const addSpending = (a: Spending, b: Spending): Spending => ({
  calls: a.calls + b.calls,
  tokens: a.tokens + b.tokens,
  cost: a.cost + b.cost,
});

export const takeSpending = (a: Spending, b: Spending): Spending => ({
  calls: a.calls - b.calls,
  tokens: a.tokens - b.tokens,
  cost: a.cost - b.cost,
});

/** What a call may spend at most. */
export const spendingOf = ({ tokens, cost }: CallEstimate): Spending => ({ calls: 1, tokens, cost: cost ?? 0 });

/** What a call has spent, as its usage says. */
export const spentBy = (usage: Usage, estimate: CallEstimate): Spending => ({
  calls: 1,
  tokens: totalTokens(usage),
  cost: usage.cost ?? estimate.cost ?? 0,
});

const LIMITS = [
  { limit: "maxTokens", key: "tokens", show: (value: number) => `${value} tokens` },
  { limit: "maxCalls", key: "calls", show: (value: number) => `${value} ${value === 1 ? "call" : "calls"}` },
  { limit: "maxCost", key: "cost", show: (value: number) => `$${Number(value.toPrecision(6))}` },
] as const;

/** Sums of dollars are not exact: what is under this over a limit is on it. */
const SLACK = 1e-9;

/** Why a call is not made, or undefined. Codes `budget-exceeded`, `price-unknown`. */
export function refusalOf(budget: Budget, spent: Spending, reserved: Spending, estimate: CallEstimate): NonRetryableError | undefined {
  if (budget.maxCost !== undefined && estimate.cost === undefined) {
    return new NonRetryableError(
      `The price of model "${estimate.model}" is not known, so that the run's budget.maxCost cannot hold; give it to the client by the option \`prices\`, or bound the run by maxTokens.`,
      { code: "price-unknown" },
    );
  }
  const call = spendingOf(estimate);
  for (const { limit, key, show } of LIMITS) {
    const most = budget[limit];
    if (most === undefined || spent[key] + reserved[key] + call[key] <= most * (1 + SLACK)) continue;
    const flying = reserved[key] > 0 ? ` (and up to ${show(reserved[key])} by calls in flight)` : "";
    return new NonRetryableError(
      `The run's budget is exceeded: budget.${limit} is ${show(most)}, spent so far: ${show(spent[key])}${flying}, and a call of "${estimate.model}" may need ${show(call[key])} more.`,
      { code: "budget-exceeded" },
    );
  }
  return undefined;
}
