/** Whether what a module gave has room in its node's part of a stored run; measured only where that may be near its limit. */
import type { ModuleOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import type { KnownNode } from "#contract/node/dormant-node";
import { nodeTextAfter } from "#keep/node-part";
import type { Kept } from "./kept-run.ts";

/** What a node holds besides what its modules gave. */
const BARE = 4_000;
const OUTCOME = 1_000;

interface Place {
  readonly run: { readonly kept: Kept | undefined; readonly isRestored: boolean };
  definition(name: string): NodeDefinition;
  known(name: string): KnownNode | undefined;
}

export class NodeRoom {
  readonly #place: Place;
  /** By node: the most characters that its part has by now. */
  readonly #most = new Map<string, number>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** @throws AsimovError `part-too-large` */
  require(node: string, module: string | undefined, outcome: ModuleOutcome): void {
    const { kept, isRestored } = this.#place.run;
    if (kept === undefined) return;
    const { json = "", added = [] } = outcome;
    // As a text within a text it may be twice as long.
    const length =
      (this.#most.get(node) ?? (isRestored ? Number.POSITIVE_INFINITY : BARE)) + 2 * json.length + OUTCOME * (1 + added.length);
    const most = outcome.left === undefined ? length : Number.POSITIVE_INFINITY;
    this.#most.set(node, most);
    const by = module === undefined ? "its graph" : `its module "${module}"`;
    kept.requireRoom({
      what: () => `Node "${node}", with what ${by} gave,`,
      length: most,
      spare: kept.spareBytes,
      text: () => {
        const known = this.#place.known(node);
        const text = known === undefined ? json : nodeTextAfter(this.#place.definition(node), known, outcome);
        this.#most.set(node, text.length);
        return text;
      },
    });
  }
}
