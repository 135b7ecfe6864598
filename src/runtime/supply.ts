/** The typed way to give a machine its actors: one that is missing, misnamed or wrong does not compile. */
import type { ActorLogic, AnyActorLogic, AnyStateMachine, EventFromLogic, InputFrom, OutputFrom, StateMachine } from "xstate";

/** The actors that a machine declares, as XState's `setup` keeps them in the machine's type. */
// biome-ignore-start lint/suspicious/noExplicitAny: the other parameters of a machine's type do not matter here
type ActorOf<TMachine> =
  TMachine extends StateMachine<any, any, any, infer TActor, any, any, any, any, any, any, any, any, any, any, any> ? TActor : never;
/** What fits any logic: XState's `AnyActorLogic` asks that events of every kind be taken. */
type SomeLogic = ActorLogic<any, any, any, any, any>;
// biome-ignore-end lint/suspicious/noExplicitAny: see above

type DeclaredLogic<TMachine, TName> = Extract<ActorOf<TMachine>, { src: TName }>["logic"];

/** What one actor must be: it takes the declared input and events, and gives the declared output; it may take and hold more. */
type Fits<TDeclared extends AnyActorLogic, TGiven extends AnyActorLogic> = [InputFrom<TDeclared>] extends [InputFrom<TGiven>]
  ? [OutputFrom<TGiven>] extends [OutputFrom<TDeclared>]
    ? [EventFromLogic<TDeclared>] extends [EventFromLogic<TGiven>]
      ? unknown
      : { "an actor that takes the declared events": EventFromLogic<TDeclared> }
    : { "an actor with the declared output": OutputFrom<TDeclared> }
  : { "an actor that takes the declared input": InputFrom<TDeclared> };

/** One logic for each name that the machine declares, and none besides. */
export type ActorsFor<TMachine, TGiven> = {
  [TName in ActorOf<TMachine>["src"]]: TName extends keyof TGiven
    ? TGiven[TName] extends SomeLogic
      ? Fits<DeclaredLogic<TMachine, TName>, TGiven[TName]>
      : SomeLogic
    : SomeLogic;
} & { [TName in Exclude<keyof TGiven, ActorOf<TMachine>["src"]>]: never };

/**
 * `machine.provide` with every actor that the machine declares. XState's own takes any part of them, and refuses logic that takes
 * more events than were declared, since its types are invariant.
 *
 * @example
 * const bound = supply(nodeMachine, { runModule, runSubgraph, applyMiddlewares, checkNode, verifyOutputs, sleepUntil, timeLimit });
 */
export function supply<TMachine extends AnyStateMachine, const TGiven extends object>(
  machine: TMachine,
  actors: TGiven & ActorsFor<TMachine, TGiven>,
): TMachine {
  return machine.provide({ actors }) as TMachine;
}
