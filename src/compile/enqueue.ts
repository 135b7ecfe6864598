/** What `enqueueActions` gives to its function: one `enqueue` for all, since XState's own makes nine functions each time. */
import { assign, cancel, emit, enqueueActions, raise, sendParent, sendTo, spawnChild, stopChild } from "xstate";
import type { ActionSource, BuiltinAction } from "./insides.ts";

type Make = (...given: never[]) => unknown;

/** The actions that are being collected; those of a collection that has ended are nobody's. */
let collected: ActionSource[] = [];

const ENQUEUED: Readonly<Record<string, Make>> = { assign, cancel, raise, sendTo, sendParent, spawnChild, stopChild, emit };

const enqueue = Object.assign(
  (action: ActionSource): void => void collected.push(action),
  Object.fromEntries(
    Object.entries(ENQUEUED).map(([name, make]) => [
      name,
      (...given: never[]): void => void collected.push(make(...given) as ActionSource),
    ]),
  ),
);

/** The actions that a function enqueues, in order. */
export function collect(work: (enqueueing: typeof enqueue) => void): readonly ActionSource[] {
  const around = collected;
  const own: ActionSource[] = [];
  collected = own;
  try {
    work(enqueue);
    return own;
  } finally {
    collected = around;
  }
}

export const resolveEnqueue: unknown = (enqueueActions(() => {}) as unknown as BuiltinAction).resolve;
