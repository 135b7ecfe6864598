/** Books the calls of models that a run makes: admitted within its budget, reserved while in flight, and told to its root at their end. */

import type { CallEstimate, SettleCall } from "#contract/chat/call-scope";
import type { Usage } from "#contract/chat/usage";
import { addSpending, type Budget, NOTHING_SPENT, refusalOf, type Spending, spendingOf, spentBy, takeSpending } from "#contract/run/budget";

interface LedgerEvents {
  /** A call has ended; `spent` is the run's whole spending with it. */
  recorded(usage: Usage, spent: Spending): void;
}

export class CallLedger {
  readonly #budget: Budget;
  readonly #exceed: (reason: string, code: string) => void;
  #spent: Spending;
  #reserved: Spending = NOTHING_SPENT;

  /** @param exceed ends the run: also where the module that called swallows the error */
  constructor(budget: Budget, spent: Spending, exceed: (reason: string, code: string) => void) {
    this.#budget = budget;
    this.#spent = spent;
    this.#exceed = exceed;
  }

  /** See `CallScope.admit`. @throws NonRetryableError `budget-exceeded`, `price-unknown` */
  admit(estimate: CallEstimate, { recorded }: LedgerEvents): SettleCall {
    const refusal = refusalOf(this.#budget, this.#spent, this.#reserved, estimate);
    if (refusal !== undefined) {
      if (refusal.code === "budget-exceeded") this.#exceed(refusal.message, refusal.code);
      throw refusal;
    }
    const reserved = spendingOf(estimate);
    this.#reserved = addSpending(this.#reserved, reserved);
    let isSettled = false;
    return (usage, isUntold = false) => {
      if (isSettled) return;
      isSettled = true;
      this.#reserved = takeSpending(this.#reserved, reserved);
      this.#spent = addSpending(this.#spent, isUntold ? reserved : spentBy(usage, estimate));
      recorded(usage, this.#spent);
    };
  }
}
