/** The shape of an effect as actor logic: JSON in, an output at the end; whoever declares it knows nothing else of it. */
import type { ActorLogic, ActorSystem, EventObject, Snapshot } from "xstate";

export type EffectLogic<
  TInput,
  TOutput,
  TEvent extends EventObject = EventObject,
  TSnapshot extends Snapshot<TOutput> = Snapshot<TOutput>,
  TEmitted extends EventObject = EventObject,
> = ActorLogic<TSnapshot, TEvent, TInput, ActorSystem<{ actors: Record<string, never> }>, TEmitted>;
