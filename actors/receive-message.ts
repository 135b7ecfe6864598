/** Waits for a mailbox's next message, in a machine of the user's own; stopping the actor loses no message. */
import { fromPromise, type PromiseActorLogic } from "xstate";
import type { Cache } from "#contract/store/cache";

/**
 * Input `{ mailbox, timeoutMs? }`, output the message, or null when none came in time.
 *
 * @example
 * setup({ actors: { receive: receiveMessage(cache) } }).createMachine({
 *   invoke: { src: "receive", input: { mailbox: "ends" }, onDone: { actions: ({ event }) => console.log(event.output) } },
 * });
 */
export function receiveMessage(cache: Cache): PromiseActorLogic<unknown, { mailbox: string; timeoutMs?: number }> {
  return fromPromise(({ input, signal }) =>
    cache.getMessage(input.mailbox, { signal, ...(input.timeoutMs === undefined ? {} : { timeoutMs: input.timeoutMs }) }),
  );
}
