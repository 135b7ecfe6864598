/** What a step does, models that it calls and runs that it starts included: the module's scope, under a key of the step's own. */
import type { Span } from "#contract/base/telemetry";
import type { CallEstimate, CallScope, SettleCall } from "#contract/chat/call-scope";
import type { StepToken } from "./module-waits.ts";

export class StepScope implements CallScope {
  readonly step: StepToken;
  readonly #module: CallScope;

  constructor(module: CallScope, step: StepToken) {
    this.#module = module;
    this.step = step;
  }

  /** Whether it is a step of that module. */
  within(module: CallScope): boolean {
    return this.#module === module;
  }

  get agentName(): string {
    return this.#module.agentName;
  }

  get signal(): AbortSignal {
    return this.#module.signal;
  }

  get span(): Span {
    return this.#module.span;
  }

  get idempotencyKey(): string {
    return this.step.idempotencyKey;
  }

  get chains(): CallScope["chains"] {
    return this.#module.chains;
  }

  get deltas(): CallScope["deltas"] {
    return this.#module.deltas;
  }

  get approvals(): CallScope["approvals"] {
    return this.#module.approvals;
  }

  wait<T>(work: () => Promise<T>): Promise<T> {
    return this.#module.wait(work);
  }

  admit(estimate: CallEstimate): SettleCall {
    return this.#module.admit(estimate);
  }
}
