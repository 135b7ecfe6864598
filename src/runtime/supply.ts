/** The typed way to give a machine its actors: one that is missing, misnamed or wrong does not compile. */
import type { ActorLogic, AnyStateMachine, InputFrom, OutputFrom, StateMachine } from "xstate";

/** The actors that a machine declares, as XState's `setup` keeps them in the machine's type. */
type ActorOf<TMachine> =
  TMachine extends StateMachine<
    infer _TContext,
    infer _TEvent,
    infer _TChildren,
    infer TActor,
    infer _TAction,
    infer _TGuard,
    infer _TDelay,
    infer _TStateValue,
    infer _TTag,
    infer _TInput,
    infer _TOutput,
    infer _TEmitted,
    infer _TMeta,
    infer _TStateSchema,
    infer _TTransitionMeta
  >
    ? TActor
    : never;

type DeclaredLogic<TMachine, TName> = Extract<ActorOf<TMachine>, { src: TName }>["logic"];

type EventOf<TLogic> =
  TLogic extends ActorLogic<infer _TSnapshot, infer TEvent, infer _TInput, infer _TSystem, infer _TEmitted> ? TEvent : never;

/** What one actor must be: it takes the declared input and events, and gives the declared output; it may take and hold more. */
type Fits<TDeclared, TGiven> = [EventOf<TGiven>] extends [never]
  ? { "actor logic": TDeclared }
  : [InputFrom<TDeclared>] extends [InputFrom<TGiven>]
    ? [OutputFrom<TGiven>] extends [OutputFrom<TDeclared>]
      ? [EventOf<TDeclared>] extends [EventOf<TGiven>]
        ? unknown
        : { "an actor that takes the declared events": EventOf<TDeclared> }
      : { "an actor with the declared output": OutputFrom<TDeclared> }
    : { "an actor that takes the declared input": InputFrom<TDeclared> };

/** One logic for each name that the machine declares, and none besides. */
type ActorsFor<TMachine, TGiven> = {
  [TName in ActorOf<TMachine>["src"]]: TName extends keyof TGiven
    ? Fits<DeclaredLogic<TMachine, TName>, TGiven[TName]>
    : DeclaredLogic<TMachine, TName>;
} & { [TName in Exclude<keyof TGiven, ActorOf<TMachine>["src"]>]: never };

/**
 * `machine.provide` with every actor that the machine declares: XState's own takes any part of them, and refuses logic that takes
 * more events than were declared, since its types are invariant.
 */
export function supply<TMachine extends AnyStateMachine, const TGiven extends object>(
  machine: TMachine,
  actors: TGiven & ActorsFor<TMachine, TGiven>,
): TMachine {
  return machine.provide({ actors }) as TMachine;
}
