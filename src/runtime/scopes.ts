/** Which actor belongs to which instance of a graph: an actor finds it by walking up to its agent. */
import type { AnyActorRef } from "xstate";
import { AsimovError } from "#contract/base/errors";
import type { GraphEffects } from "./graph-effects.ts";
import type { GraphScope } from "./graph-scope.ts";
import type { GraphWork } from "./graph-work.ts";

/**
 * On the actor itself: a scope holds its actor, and what a WeakMap's values hold is kept until the next collection of everything, so that all runs
 * that have ended would be copied by every small one.
 */
const SCOPE = Symbol("asimov.scope");

type Scoped = AnyActorRef & { [SCOPE]?: GraphScope };

export function enter(self: AnyActorRef, scope: GraphScope): void {
  scope.actor = self;
  (self as Scoped)[SCOPE] = scope;
  scope.run.inputMailboxes.add(scope);
}

/** Of an agent's own actor; absent where it could not be made. */
export const ownScope = (self: AnyActorRef): GraphScope | undefined => (self as Scoped)[SCOPE];

/** The graph that an actor belongs to: that of the nearest agent above it. */
export function scopeOf(self: AnyActorRef): GraphScope {
  let actor: AnyActorRef | undefined = self;
  while (actor !== undefined) {
    const scope = ownScope(actor);
    if (scope !== undefined) return scope;
    actor = actor._parent;
  }
  throw new AsimovError("This actor runs outside an agent: supply the machine with actors of your own.", { code: "no-agent" });
}

export const workOf = (self: AnyActorRef): GraphWork => scopeOf(self).work;
export const effectsOf = (self: AnyActorRef): GraphEffects => scopeOf(self).effects;
