/** Sleeps until a deadline kept in its parent's context, so that a restored machine wakes when the first one would have. */
import { type AnyActorRef, fromPromise, type PromiseActorLogic } from "xstate";
import { setLongTimeout } from "#contract/base/long-timer";
import { type Clock, systemClock } from "#contract/base/services";

/**
 * Input `{ deadline }`, milliseconds since 1970; output the moment it woke. One that has passed wakes at once.
 *
 * @example
 * setup({ actors: { sleepUntil: sleepUntil() } }).createMachine({
 *   invoke: { src: "sleepUntil", input: ({ context }) => ({ deadline: context.remindAt }), onDone: "reminding" },
 * });
 */
export function sleepUntil(clockOf: (self: AnyActorRef) => Clock = () => systemClock): PromiseActorLogic<number, { deadline: number }> {
  return fromPromise(({ input, signal, self }) => {
    const clock = clockOf(self);
    return new Promise((resolve) => {
      const cancel = setLongTimeout(Math.max(0, input.deadline - clock.now()), () => resolve(clock.now()), clock);
      signal.addEventListener("abort", cancel, { once: true });
    });
  });
}
