/**
 * What modules have had from outside, or done once: a module that runs again, after a restart or as another attempt, finds it and does not ask
 * again. Kept with the run, a part for each, as long as the visit of the node of the run's own graph that it is in.
 */
import { SnapshotError } from "#contract/base/errors";

/** What a module may have had; `wait` is one that it has not had yet. */
export type ReplayKind = "answer" | "step" | "sleep" | "message" | "chain";

/** Where in a run a module is: the path of nodes with their visits, and its name, as in its idempotency key. */
export type ReplayPlace = string;

/** What a commit writes: texts by part, and the parts that are no more. */
export interface ReplayChanges {
  changed: ReadonlyMap<string, string>;
  removed: readonly string[];
}

const KEPT = "kept/";

export const isReplayPart = (part: string): boolean => part.startsWith(KEPT);

/** @param number which one of that kind and name, from 1 */
export const entryName = (kind: ReplayKind, name: string, number: number): string => `${kind}/${encodeURIComponent(name)}/${number}`;

const partOf = (place: ReplayPlace, entry: string): string => `${KEPT}${place}:${entry}`;

/** The node of the run's own graph that a place is in, as places write it. */
const outermost = (place: ReplayPlace): string => place.slice(0, place.indexOf("/")).replace(/\.\d+$/, "");

export class ReplayLog {
  /** Texts by part, by the node of the run's own graph that they are in. */
  readonly #nodes = new Map<string, Map<string, string>>();
  /** Since changes were last taken; `undefined` for what is no more. */
  #changed = new Map<string, string | undefined>();

  /** @param parts of a run that is restored, its other parts too. @throws SnapshotError `snapshot-damaged` */
  constructor(parts: Iterable<readonly [part: string, text: string]> = []) {
    for (const [part, text] of parts) if (isReplayPart(part)) this.#restore(part, text);
  }

  /** The text of an entry, if there is one. */
  read(place: ReplayPlace, entry: string): string | undefined {
    return this.#nodes.get(outermost(place))?.get(partOf(place, entry));
  }

  write(place: ReplayPlace, entry: string, text: string): void {
    const part = partOf(place, entry);
    const node = outermost(place);
    const texts = this.#nodes.get(node) ?? new Map<string, string>();
    this.#nodes.set(node, texts.set(part, text));
    this.#changed.set(part, text);
  }

  remove(place: ReplayPlace, entry: string): void {
    const part = partOf(place, entry);
    if (this.#nodes.get(outermost(place))?.delete(part) === true) this.#changed.set(part, undefined);
  }

  /** The entries of one module in one visit. */
  *within(place: ReplayPlace): Generator<[entry: string, text: string]> {
    const prefix = partOf(place, "");
    for (const [part, text] of this.#nodes.get(outermost(place)) ?? []) if (part.startsWith(prefix)) yield [part.slice(prefix.length), text];
  }

  /** Nothing of that node is asked for again, nor of the graphs within it: what was kept for its visit is no more. */
  forget(node: string): void {
    if (this.#nodes.size === 0) return;
    const name = encodeURIComponent(node);
    for (const part of this.#nodes.get(name)?.keys() ?? []) this.#changed.set(part, undefined);
    this.#nodes.delete(name);
  }

  changes(): ReplayChanges {
    const changed = new Map<string, string>();
    const removed: string[] = [];
    for (const [part, text] of this.#changed) {
      if (text === undefined) removed.push(part);
      else changed.set(part, text);
    }
    this.#changed = new Map();
    return { changed, removed };
  }

  /** All of it. */
  *parts(): Generator<[part: string, text: string]> {
    for (const texts of this.#nodes.values()) yield* texts;
  }

  #restore(part: string, text: string): void {
    const [, place = "", node = ""] = /^kept\/((.+?)\.\d+\/[^:]*):[a-z]+\/[^/]*\/\d+$/.exec(part) ?? [];
    if (place === "") throw new SnapshotError(`The snapshot is damaged: part "${part}" names nothing that was kept.`, { code: "snapshot-damaged" });
    const texts = this.#nodes.get(node) ?? new Map<string, string>();
    this.#nodes.set(node, texts.set(part, text));
  }
}
