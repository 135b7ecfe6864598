/** Chains of one module share its checkpoint: each has a place of its own there, the same when the module runs again. */
import type { CallScope, Checkpoint } from "../contract/call-scope.ts";

interface Places {
  checkpoint: Checkpoint;
  /** What each chain has saved, by its key. */
  states: Promise<Record<string, unknown>>;
  /** Chains that were started, by the key of whoever started them. */
  counts: Map<string, number>;
}

const known = new WeakMap<CallScope, Places>();

function placesOf(scope: CallScope): Places {
  let places = known.get(scope);
  if (places === undefined) {
    const { checkpoint } = scope;
    places = { checkpoint, states: checkpoint.load().then(statesIn), counts: new Map() };
    known.set(scope, places);
  }
  return places;
}

function statesIn(kept: unknown): Record<string, unknown> {
  const chains = (kept as { chains?: unknown } | null | undefined)?.chains;
  return typeof chains === "object" && chains !== null ? { ...chains } : {};
}

/** The place of the next chain of a scope: a module that runs again starts its chains in the same order. */
export function nextPlace(scope: CallScope): { key: string; checkpoint: Checkpoint } {
  const places = placesOf(scope);
  const count = places.counts.get(scope.idempotencyKey) ?? 0;
  places.counts.set(scope.idempotencyKey, count + 1);
  const key = count === 0 ? scope.idempotencyKey : `${scope.idempotencyKey}/chain.${count + 1}`;
  return {
    key,
    checkpoint: {
      load: async () => (await places.states)[key],
      async save(state) {
        const states = await places.states;
        states[key] = state;
        await places.checkpoint.save({ chains: states });
      },
    },
  };
}

/** The scope of one tool: chains that it starts are told apart by the tool's key, whichever of its siblings ran before. */
export function toolScope(scope: CallScope, idempotencyKey: string, signal: AbortSignal): CallScope {
  const own: CallScope = {
    signal,
    span: scope.span,
    idempotencyKey,
    checkpoint: scope.checkpoint,
    admit: (estimate) => scope.admit(estimate),
  };
  known.set(own, placesOf(scope));
  return own;
}
