/** Sends an event from one actor to another, so that inspectors see who sent it; the one place that names XState's own relay. */
import type { ActorScope, AnyActorRef, AnyEventObject, EventObject, Snapshot } from "xstate";

type Sender = Pick<ActorScope<Snapshot<unknown>, EventObject>, "system"> & { self: AnyActorRef };

/** On every system of XState v5, but not in its types. */
interface RelayingSystem {
  _relay(source: AnyActorRef, target: AnyActorRef, event: AnyEventObject): void;
}

export function relay({ self, system }: Sender, target: AnyActorRef, event: AnyEventObject): void {
  (system as unknown as RelayingSystem)._relay(self, target, event);
}

/** Does nothing for an actor without a parent. */
export function relayToParent(sender: Sender, event: AnyEventObject): void {
  const parent = sender.self._parent;
  if (parent !== undefined) relay(sender, parent, event);
}
