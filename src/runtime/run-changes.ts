/** What of a run has changed since it was last written: its graphs, values and picture as parts, and what it has told. */
import { GraphParts, type LiveGraph } from "#keep/graph-parts";
import { PartChanges } from "#keep/part-changes";
import { itemPart, prefixOf } from "#keep/part-names";
import type { PartTexts } from "#keep/part-texts";
import type { ReplayLog } from "#replay/replay-log";
import type { EventHub } from "./event-hub.ts";
import type { ValuesPlace } from "./values-place.ts";

export interface ChangingRun {
  readonly events: EventHub;
  readonly place: ValuesPlace;
  readonly replayLog: ReplayLog;
  readonly isRestored: boolean;
  /** Of each time limit that counts: says that its node has changed. */
  readonly counting: ReadonlySet<() => void>;
}

interface EventText {
  seq: number;
  at: number;
  body: string;
}

export class RunChanges {
  readonly #run: ChangingRun;
  /** What a store holds of each graph, until that graph takes it. */
  readonly #stored: Map<string, PartTexts>;
  readonly #changed = new Set<GraphParts>();
  readonly #over: GraphParts[] = [];
  /** Parts that nobody has any more. */
  readonly #orphans: string[] = [];
  /** The run was restored from what it does not go on from in its store: all of it is written. */
  #isWhole: boolean;
  /** What was told before it was to be stored is in its first commit. */
  #hasTold = false;
  /** What is still to be written and told, where nothing is to come after that. */
  #last: { changes: PartChanges; events: EventText[] } | undefined;

  constructor(run: ChangingRun, stored?: ReadonlyMap<string, PartTexts>) {
    this.#run = run;
    this.#stored = new Map(stored);
    this.#isWhole = run.isRestored && stored === undefined;
  }

  /** Of a graph that begins, or is restored. */
  partsOf(graph: LiveGraph): GraphParts {
    const prefix = prefixOf(graph.path);
    const stored = this.#stored.get(prefix);
    this.#stored.delete(prefix);
    const parts = new GraphParts(graph, stored);
    if (stored === undefined) this.#changed.add(parts);
    return parts;
  }

  changed(graph: GraphParts): void {
    this.#changed.add(graph);
  }

  over(graph: GraphParts): void {
    this.#changed.delete(graph);
    this.#over.push(graph);
  }

  /** The run goes on from what is stored: what no graph has taken of that, newer code begins anew, or has by another name. */
  restored(): void {
    this.#hasTold = true;
    for (const [prefix, parts] of this.#stored) for (const name of parts.all.keys()) this.#orphans.push(prefix + name);
    this.#stored.clear();
  }

  /** What there is to write and to tell is what stands now, whatever its actors do. */
  freeze(): void {
    const changes = new PartChanges();
    this.write(changes);
    this.#last = { changes, events: this.takeEvents() };
  }

  get isFrozen(): boolean {
    return this.#last !== undefined;
  }

  write(changes: PartChanges): void {
    if (this.#last === undefined) return this.#writeNow(changes);
    changes.after(this.#last.changes);
    this.#last.changes = new PartChanges();
  }

  #writeNow(changes: PartChanges): void {
    const { counting, events, place } = this.#run;
    for (const changed of counting) changed();
    for (const name of this.#orphans.splice(0)) changes.remove(name);
    for (const graph of this.#over.splice(0)) graph.removeAll(changes);
    for (const graph of this.#changed) graph.write(changes);
    this.#changed.clear();
    const values = place.own?.changes();
    for (const [name, text] of values?.changed ?? []) changes.write(name, text);
    for (const name of values?.removed ?? []) changes.remove(name);
    const kept = this.#run.replayLog.changes();
    for (const [name, text] of kept.changed) changes.write(name, text);
    for (const name of kept.removed) changes.remove(name);
    const { head, graph, nodes, items } = events.takeChanges(this.#isWhole);
    changes.write("view", JSON.stringify(head));
    if (graph !== undefined) changes.write("view-graph", JSON.stringify(graph));
    for (const [name, node] of nodes) changes.write(`view/${name}`, JSON.stringify(node));
    for (const [name, index, item] of items) {
      if (item === undefined) changes.remove(itemPart(name, index));
      else changes.write(itemPart(name, index), JSON.stringify(item));
    }
    if (this.#isWhole) this.#writeRest(changes);
    this.#isWhole = false;
  }

  #writeRest(changes: PartChanges): void {
    for (const [name, text] of this.#run.place.own?.parts() ?? []) changes.write(name, text);
    for (const [name, text] of this.#run.replayLog.parts()) changes.write(name, text);
  }

  takeEvents(): EventText[] {
    if (this.#last !== undefined) return this.#last.events.splice(0);
    const events = this.#run.events.takeHeld();
    if (!this.#hasTold) events.unshift(...this.#run.events.takeEarlier());
    this.#hasTold = true;
    return events.map((event) => {
      const { seq, at, taskId: _taskId, ...body } = event;
      return { seq, at, body: JSON.stringify(body) };
    });
  }
}
