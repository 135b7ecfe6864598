/** A promise as an actor: XState's `fromPromise`, told and persisted alike, without the signal that each of those makes and few effects heed. */
import type { AnyActorRef, PromiseActorLogic, PromiseSnapshot } from "xstate";
import { relay } from "#contract/base/relay";

/** The events that a promise actor of XState sends itself. */
const RESOLVED = "xstate.promise.resolve";
const REJECTED = "xstate.promise.reject";

type Event = { type: typeof RESOLVED; data: unknown } | { type: typeof REJECTED; data: unknown } | { type: "xstate.stop" };

/** @param work begins anew when its actor is restored before it has ended */
export function fromEffect<TOutput, TInput>(
  work: (of: { input: TInput; self: AnyActorRef }) => PromiseLike<TOutput>,
): PromiseActorLogic<TOutput, TInput> {
  type State = PromiseSnapshot<TOutput, TInput>;
  const logic = {
    config: work,
    getInitialSnapshot: (_: unknown, input: TInput): State => ({ status: "active", output: undefined, error: undefined, input }),
    start({ status, input }: State, scope: { self: AnyActorRef; system: never }): void {
      if (status !== "active") return;
      const { self } = scope;
      const tell = (type: typeof RESOLVED | typeof REJECTED) => (data: unknown) => {
        if (self.getSnapshot().status === "active") relay(scope, self, { type, data });
      };
      Promise.resolve(work({ input: input as TInput, self })).then(tell(RESOLVED), tell(REJECTED));
    },
    transition(state: State, event: Event): State {
      if (state.status !== "active") return state;
      switch (event.type) {
        case RESOLVED:
          return { ...state, status: "done", output: event.data as TOutput, input: undefined };
        case REJECTED:
          return { ...state, status: "error", error: event.data, input: undefined } as State;
        case "xstate.stop":
          return { ...state, status: "stopped", input: undefined } as State;
        default:
          return state;
      }
    },
    getPersistedSnapshot: (state: State): State => state,
    restoreSnapshot: (state: State): State => state,
  };
  return logic as unknown as PromiseActorLogic<TOutput, TInput>;
}
