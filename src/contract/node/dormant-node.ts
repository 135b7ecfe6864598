/** A node that has settled, as it was stored: it can be read as its actor can, which is made when the node runs again. */
import type { Attempt } from "./attempt.ts";
import type { NodeDefinition } from "./definition.ts";
import type { Failure } from "./result.ts";

/** The part of a node machine's context that others read. */
export interface NodeState {
  definition: NodeDefinition;
  visits: number;
  modules: Attempt;
  failure?: Failure;
}

/** A node that has run, or runs: its actor, or what one is made of. */
export interface KnownNode {
  getSnapshot(): unknown;
  getPersistedSnapshot(options?: unknown): unknown;
}

/** A node's actor as it is persisted: its definition is its code's. */
export interface StoredNode {
  status: string;
  value: unknown;
  context: Omit<NodeState, "definition">;
  children: object;
}

/** Between two visits, or after the last; anything else goes on by itself, or is none of a node's states. */
const SETTLED: ReadonlySet<unknown> = new Set(["WAITING", "COMPLETE", "FAILED", "PARTIAL"]);

export const isSettled = ({ status, value, children }: StoredNode): boolean =>
  status === "active" && SETTLED.has(value) && Object.keys(children).length === 0;

export class DormantNode implements KnownNode {
  readonly #name: string;
  readonly #stored: StoredNode;
  readonly #code: { definition(name: string): NodeDefinition };
  #snapshot: { value: unknown; context: NodeState } | undefined;

  constructor(name: string, stored: StoredNode, code: { definition(name: string): NodeDefinition }) {
    this.#name = name;
    this.#stored = stored;
    this.#code = code;
  }

  getSnapshot(): { value: unknown; context: NodeState } {
    const { value, context } = this.#stored;
    this.#snapshot ??= { value, context: { ...context, definition: this.#code.definition(this.#name) } };
    return this.#snapshot;
  }

  getPersistedSnapshot(): StoredNode {
    return this.#stored;
  }
}
