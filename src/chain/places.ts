/** Chains of one module share its checkpoint: each has a place of its own there, the same when the module runs again. */

import { inCommon } from "#contract/base/brand";
import type { Span } from "#contract/base/telemetry";
import type { CallScope, Checkpoint } from "#contract/chat/call-scope";
import type { ToolOrder } from "#contract/chat/tool-chain";

interface Places {
  checkpoint: Checkpoint | undefined;
  /** What each chain has saved, by its key. */
  states: Promise<Map<string, unknown>>;
  /** Chains that were started, by the key of whoever started them. */
  counts: Map<string, number>;
}

/** With the key that the scope had then: a generator's scope lives on from visit to visit, each with places of its own. */
const known = inCommon("places of chains", () => new WeakMap<CallScope, { key: string; places: Places }>());

function placesOf(scope: CallScope): Places {
  const { idempotencyKey: key, chains: checkpoint } = scope;
  const last = known.get(scope);
  if (last?.key === key) return last.places;
  const places = {
    checkpoint,
    states: checkpoint?.load().then(statesIn) ?? Promise.resolve(new Map<string, unknown>()),
    counts: new Map(),
  };
  known.set(scope, { key, places });
  return places;
}

const statesIn = (kept: unknown): Map<string, unknown> => new Map(typeof kept === "object" && kept !== null ? Object.entries(kept) : []);

/** The place of the next chain of a scope: a module that runs again starts its chains in the same order. */
export function nextPlace(scope: CallScope): { key: string; checkpoint?: Checkpoint } {
  const { checkpoint, states, counts } = placesOf(scope);
  const count = counts.get(scope.idempotencyKey) ?? 0;
  counts.set(scope.idempotencyKey, count + 1);
  const key = count === 0 ? scope.idempotencyKey : `${scope.idempotencyKey}/chain.${count + 1}`;
  if (checkpoint === undefined) return { key };
  return {
    key,
    checkpoint: {
      load: async () => (await states).get(key),
      async save(state) {
        const all = await states;
        all.set(key, state);
        await checkpoint.save(Object.fromEntries(all));
      },
    },
  };
}

/** The scope of what a chain asks: the same run, within the chain's span. */
export const askScope = (scope: CallScope, span: Span): CallScope => ({
  agentName: scope.agentName,
  get signal() {
    return scope.signal;
  },
  span,
  idempotencyKey: scope.idempotencyKey,
  chains: scope.chains,
  permits: scope.permits,
  wait: (work) => scope.wait(work),
  admit: (estimate) => scope.admit(estimate),
});

/** The scope of one tool: chains that it starts are told apart by the tool's key, whichever of its siblings ran before. */
export function toolScope(scope: CallScope, tool: Pick<ToolOrder, "name" | "idempotencyKey">, signal: AbortSignal, span: Span): CallScope {
  const { name: agentName, idempotencyKey } = tool;
  const own: CallScope = { ...askScope(scope, span), agentName, signal, idempotencyKey };
  known.set(own, { key: idempotencyKey, places: placesOf(scope) });
  return own;
}
