/** XState keeps what a child's restore threw as the child's state; a parent that restores asks here, so that nothing half restored runs. */
import type { AnyActorRef, AnyMachineSnapshot } from "xstate";

/** @throws what the restore of a child, or of a child's child, threw */
export function requireRestored(actors: Iterable<AnyActorRef | undefined>): void {
  for (const actor of actors) {
    if (actor === undefined) continue;
    const { status, error, children } = actor.getSnapshot() as AnyMachineSnapshot;
    if (status === "error") throw error;
    if (children !== undefined) requireRestored(Object.values(children as Record<string, AnyActorRef>));
  }
}
