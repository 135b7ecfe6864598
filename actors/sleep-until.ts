/** Sleeps until a deadline kept in its parent's context, so that a restored machine wakes when the first one would have. */
import { type AnyActorRef, fromPromise, type PromiseActorLogic } from "xstate";
import { setLongTimeout } from "#contract/base/long-timer";
import { type Clock, systemClock } from "#contract/base/services";

/** What sleeping asks for. */
export interface SleepHost {
  readonly clock: Clock;
  /** Told of each moment that is slept towards. @returns whom to tell when that is over */
  sleeping?(deadline: number): () => void;
}

const SYSTEM: SleepHost = { clock: systemClock };

/**
 * Input `{ deadline }`, milliseconds since 1970; output the moment it woke. One that has passed wakes at once.
 *
 * @example
 * import { sleepUntil } from "asimov-agents/actors";
 *
 * setup({ actors: { sleepUntil: sleepUntil() } }).createMachine({
 *   invoke: { src: "sleepUntil", input: ({ context }) => ({ deadline: context.remindAt }), onDone: "reminding" },
 * });
 */
export function sleepUntil(hostOf: (self: AnyActorRef) => SleepHost = () => SYSTEM): PromiseActorLogic<number, { deadline: number }> {
  return fromPromise(({ input, signal, self }) => {
    const host = hostOf(self);
    const { clock } = host;
    const woken = host.sleeping?.(input.deadline);
    return new Promise((resolve) => {
      const wake = (): void => {
        woken?.();
        resolve(clock.now());
      };
      const cancel = setLongTimeout(Math.max(0, input.deadline - clock.now()), wake, clock);
      const giveUp = (): void => {
        woken?.();
        cancel();
      };
      signal.addEventListener("abort", giveUp, { once: true });
    });
  });
}
