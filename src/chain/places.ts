/** Chains of one module share its checkpoint: each has a place of its own there, the same when the module runs again. */

import { inCommon } from "#contract/base/brand";
import type { Span } from "#contract/base/telemetry";
import type { Approvals } from "#contract/chat/approval";
import type { CallScope, Checkpoint } from "#contract/chat/call-scope";
import type { ToolOrder, ToolTurn } from "#contract/chat/tool-chain";

/**
 * How many chains were started, by the key of whoever started them. With the key that the scope had then: a generator's scope lives on
 * from visit to visit, each with places of its own.
 */
const known = inCommon("places of chains", () => new WeakMap<CallScope, { key: string; counts: Map<string, number> }>());

function countsOf(scope: CallScope): Map<string, number> {
  const { idempotencyKey: key } = scope;
  const last = known.get(scope);
  if (last?.key === key) return last.counts;
  const counts = new Map<string, number>();
  known.set(scope, { key, counts });
  return counts;
}

/** The place of the next chain of a scope: a module that runs again starts its chains in the same order. */
export function nextPlace(scope: CallScope): { key: string; checkpoint?: Checkpoint } {
  const { idempotencyKey, chains } = scope;
  const counts = countsOf(scope);
  const count = counts.get(idempotencyKey) ?? 0;
  counts.set(idempotencyKey, count + 1);
  const key = count === 0 ? idempotencyKey : `${idempotencyKey}/chain.${count + 1}`;
  return chains === undefined ? { key } : { key, checkpoint: chains(key) };
}

type Own = Pick<CallScope, "agentName" | "signal" | "idempotencyKey" | "approvals">;

/** What may change while it is used is asked for each time. */
const within = (scope: CallScope, span: Span, own: Own): CallScope => ({
  agentName: own.agentName,
  get deltas() {
    return scope.deltas;
  },
  get signal() {
    return own.signal;
  },
  span,
  idempotencyKey: own.idempotencyKey,
  chains: scope.chains,
  approvals: own.approvals,
  wait: (work) => scope.wait(work),
  admit: (estimate) => scope.admit(estimate),
});

/** The scope of what a chain asks: the same run, within the chain's span. */
export const askScope = (scope: CallScope, span: Span): CallScope => within(scope, span, scope);

/** The scope of one tool: chains that it starts are told apart by the tool's key, whichever of its siblings ran before. */
export function toolScope(
  scope: CallScope,
  tool: Pick<ToolOrder, "name" | "idempotencyKey">,
  { signal, wait }: Pick<ToolTurn, "signal" | "wait">,
  span: Span,
): CallScope {
  const { name: agentName, idempotencyKey } = tool;
  const approvals = scope.approvals === undefined ? undefined : approvalsIn(scope.approvals, wait);
  const own = within(scope, span, { agentName, signal, idempotencyKey, approvals });
  known.set(own, { key: idempotencyKey, counts: countsOf(scope) });
  return own;
}

/** A tool whose own chain rests only waits itself, as a part of the chain around it. */
const approvalsIn = (around: Approvals, wait: ToolTurn["wait"]): Approvals => ({
  decide: (call) => around.decide(call),
  rest: () => restingBy(wait),
});

/** Waits until it is told not to. */
export function restingBy(wait: (work: () => Promise<void>) => Promise<void>): () => Promise<void> {
  const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
  const rested = wait(() => woken);
  return () => {
    wake();
    return rested;
  };
}
