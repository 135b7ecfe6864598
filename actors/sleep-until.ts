/** Sleeps until a deadline kept in its parent's context, so that a restored machine wakes when the first one would have. */
import { fromPromise, type PromiseActorLogic } from "xstate";
import { setLongTimeout } from "#contract/base/long-timer";

/**
 * Input `{ deadline }`, milliseconds since 1970; output the moment it woke. One that has passed wakes at once.
 *
 * @example
 * setup({ actors: { sleepUntil: sleepUntil() } }).createMachine({
 *   invoke: { src: "sleepUntil", input: ({ context }) => ({ deadline: context.remindAt }), onDone: "reminding" },
 * });
 */
export function sleepUntil(clock: () => number = () => Date.now()): PromiseActorLogic<number, { deadline: number }> {
  return fromPromise(
    ({ input, signal }) =>
      new Promise((resolve) => {
        const cancel = setLongTimeout(Math.max(0, input.deadline - clock()), () => resolve(clock()));
        signal.addEventListener("abort", cancel, { once: true });
      }),
  );
}
