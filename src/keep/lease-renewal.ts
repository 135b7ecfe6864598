/**
 * Renews a lease at each third of its time, and knows by the owner's own clock whether it is sure to be the owner's still. What the store does not
 * answer is no matter of the next time: it is asked again, and an answer counts whenever it comes.
 */
import { asimovErrorOf } from "#contract/base/errors";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { RenewResult } from "#contract/store/run-commit";

interface Renewed {
  readonly clock: Clock;
  readonly leaseMs: number;
  renew(): Promise<RenewResult>;
  /** Not after it was stopped. */
  answered(result: RenewResult): void;
  closed(): void;
}

export class LeaseRenewal {
  readonly #of: Renewed;
  #renewedAt: number;
  #timer: unknown;
  #isStopped = false;

  constructor(of: Renewed) {
    this.#of = of;
    this.#renewedAt = monotonicOf(of.clock);
    this.#arm();
  }

  /** Two thirds of the lease have not passed since it was asked for last with success. */
  get isSure(): boolean {
    return monotonicOf(this.#of.clock) - this.#renewedAt < (this.#of.leaseMs * 2) / 3;
  }

  stop(): void {
    this.#isStopped = true;
    this.#of.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#of.clock.setTimeout(() => void this.#renew(), this.#of.leaseMs / 3);
  }

  async #renew(): Promise<void> {
    const asked = monotonicOf(this.#of.clock);
    this.#arm();
    try {
      const result = await this.#of.renew();
      if (this.#isStopped) return;
      if (result.ok) this.#renewedAt = Math.max(this.#renewedAt, asked);
      this.#of.answered(result);
    } catch (error) {
      if (asimovErrorOf(error)?.code === "store-closed" && !this.#isStopped) this.#of.closed();
    }
  }
}
