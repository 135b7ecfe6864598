/**
 * What modules have had from outside, or done once: a module that runs again, after a restart or as another attempt, finds it and does not ask
 * again. Kept with the run, a part for each, as long as the visit of the node of the run's own graph that it is in.
 */
import { SnapshotError } from "#contract/base/errors";
import type { KeptChild } from "#contract/run/host";
import type { Answer, Question } from "#contract/run/question";

/** What a module may have had; `wait` is one that it has not had yet. */
export type ReplayKind = "answer" | "approval" | "step" | "sleep" | "message" | "run" | "chain" | "items";

/** Where in a run a module is: the path of nodes with their visits, and its name, as in its idempotency key. */
export type ReplayPlace = string;

/** What a commit writes: texts by part, and the parts that are no more. */
export interface ReplayChanges {
  changed: ReadonlyMap<string, string>;
  removed: readonly string[];
}

const KEPT = "kept/";
const QUESTIONS = ["answer/", "approval/"];
const RUN = "run/";
/** The place of a module of the run's own graph. */
const OF_MODULE = /^[^/]+\/[^/]+$/;
const PART = /^kept\/([^/:]+\.\d+\/[^:]*):([a-z]+\/[^/]*\/\d+)$/;

export const isReplayPart = (part: string): boolean => part.startsWith(KEPT);

export const isQuestion = (entry: string): boolean => QUESTIONS.some((kind) => entry.startsWith(kind));

/** @param number which one of that kind and name, from 1 */
export const entryName = (kind: ReplayKind, name: string, number: number): string => `${kind}/${encodeURIComponent(name)}/${number}`;

const partOf = (place: ReplayPlace, entry: string): string => `${KEPT}${place}:${entry}`;

/** The node of the run's own graph that a place is in, as places write it. */
const outermost = (place: ReplayPlace): string => place.slice(0, place.indexOf("/")).replace(/\.\d+$/, "");

/** What is kept of a question: as it is asked, and once it has one, its answer. */
export interface KeptQuestion {
  question: Question;
  onDeadline?: "fail" | { answer: unknown };
  /** Who is asked next, and when, in milliseconds since 1970. */
  escalate?: readonly { at: number; to: string }[];
  answer?: Answer;
}

/** What is kept in one visit of a node of the run's own graph, by place and entry. */
type Visit = Map<ReplayPlace, Map<string, string>>;

export class ReplayLog {
  /** By the name of the node, as places write it. */
  readonly #nodes = new Map<string, Visit>();
  /** Since changes were last taken; `undefined` for what is no more. */
  #changed = new Map<string, string | undefined>();

  /** @param parts of a run that is restored, its other parts too. @throws SnapshotError `snapshot-damaged` */
  constructor(parts: Iterable<readonly [part: string, text: string]> = []) {
    for (const [part, text] of parts) {
      if (!isReplayPart(part)) continue;
      requireJson(part, text);
      this.#put(...placeOf(part), text);
    }
  }

  /** Of how many nodes something is kept. */
  get size(): number {
    return this.#nodes.size;
  }

  /** The text of an entry, if there is one. */
  read(place: ReplayPlace, entry: string): string | undefined {
    return this.#nodes.get(outermost(place))?.get(place)?.get(entry);
  }

  write(place: ReplayPlace, entry: string, text: string): void {
    this.#put(place, entry, text);
    this.#changed.set(partOf(place, entry), text);
  }

  remove(place: ReplayPlace, entry: string): void {
    const entries = this.#nodes.get(outermost(place))?.get(place);
    if (entries?.delete(entry) === true) this.#changed.set(partOf(place, entry), undefined);
  }

  /** Whether anything is kept for a module in one visit. */
  has(place: ReplayPlace): boolean {
    return (this.#nodes.get(outermost(place))?.get(place)?.size ?? 0) > 0;
  }

  /** The entries of one module in one visit. */
  within(place: ReplayPlace): Iterable<[entry: string, text: string]> {
    return this.#nodes.get(outermost(place))?.get(place) ?? [];
  }

  /** All that were ever asked, and are kept. */
  *questions(): Generator<[place: ReplayPlace, entry: string, text: string]> {
    for (const [place, entry, text] of this.#entries()) if (isQuestion(entry)) yield [place, entry, text];
  }

  /** All runs that modules wait for, or have. */
  *runs(): Generator<[place: ReplayPlace, entry: string, text: string]> {
    for (const [place, entry, text] of this.#entries()) if (entry.startsWith(RUN)) yield [place, entry, text];
  }

  /**
   * The node has another name now, and what was kept for its modules goes along. What is within it, graphs and items, goes on under the keys that it had.
   * @param mend what an entry says of where it is
   */
  rename(from: string, to: string, mend: (entry: string, text: string) => string): void {
    const name = encodeURIComponent(from);
    for (const [place, entries] of [...(this.#nodes.get(name) ?? [])]) {
      const now = OF_MODULE.test(place) ? encodeURIComponent(to) + place.slice(name.length) : place;
      for (const [entry, text] of [...entries]) {
        if (now !== place) this.remove(place, entry);
        this.write(now, entry, mend(entry, text));
      }
    }
  }

  /** Where something is kept of that node, and of the graphs within it. */
  places(node: string): Iterable<ReplayPlace> {
    return this.#nodes.get(encodeURIComponent(node))?.keys() ?? [];
  }

  /** Nothing of that node is asked for again, nor of the graphs within it: what was kept for its visit is no more. */
  forget(node: string): void {
    if (this.#nodes.size === 0) return;
    const name = encodeURIComponent(node);
    for (const [place, entries] of this.#nodes.get(name) ?? [])
      for (const entry of entries.keys()) this.#changed.set(partOf(place, entry), undefined);
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
    for (const [place, entry, text] of this.#entries()) yield [partOf(place, entry), text];
  }

  *#entries(): Generator<[place: ReplayPlace, entry: string, text: string]> {
    for (const visit of this.#nodes.values()) {
      for (const [place, entries] of visit) for (const [entry, text] of entries) yield [place, entry, text];
    }
  }

  #put(place: ReplayPlace, entry: string, text: string): void {
    const node = outermost(place);
    const visit: Visit = this.#nodes.get(node) ?? new Map();
    const entries = visit.get(place) ?? new Map<string, string>();
    this.#nodes.set(node, visit.set(place, entries.set(entry, text)));
  }
}

function requireJson(part: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new SnapshotError(`The snapshot is damaged: part "${part}" is no JSON.`, { code: "snapshot-damaged", cause });
  }
}

/** @throws SnapshotError `snapshot-damaged` */
function placeOf(part: string): [place: ReplayPlace, entry: string] {
  const [, place, entry] = PART.exec(part) ?? [];
  if (place !== undefined && entry !== undefined) return [place, entry];
  throw new SnapshotError(`The snapshot is damaged: part "${part}" names nothing that was kept.`, { code: "snapshot-damaged" });
}

/** Whether a part is a question that nobody has answered. */
export const isOpenQuestion = (part: string, text: string): boolean =>
  isReplayPart(part) && isQuestion(placeOf(part)[1]) && (JSON.parse(text) as KeptQuestion).answer === undefined;

/** Those among a run's parts that are open, oldest first. */
export function openQuestions(parts: Iterable<readonly [part: string, text: string]>): Question[] {
  const open: Question[] = [];
  for (const [part, text] of parts) {
    if (isOpenQuestion(part, text)) open.push((JSON.parse(text) as KeptQuestion).question);
  }
  return open.sort((a, b) => a.askedAt - b.askedAt || (a.id < b.id ? -1 : 1));
}

/** The runs that end with this one, as far as they have not. */
export function dependentRuns(parts: Iterable<readonly [part: string, text: string]>): string[] {
  return [...parts].flatMap(([part, text]) => (isRunPart(part) ? dependentOf(text) : []));
}

/** @param text of an entry */
export function dependentOf(text: string): string[] {
  const { taskId, detached, ended } = JSON.parse(text) as KeptChild;
  return detached === true || ended === true ? [] : [taskId];
}

const isRunPart = (part: string): boolean => isReplayPart(part) && placeOf(part)[1].startsWith(RUN);

/** Of a run that has ended, wherever that was: whatever it waited for has ended with it, and is tried again. */
export const withRunsOver = (replay: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(replay).map(([part, text]) => {
      if (!isRunPart(part) || dependentOf(text).length === 0) return [part, text];
      return [part, JSON.stringify({ ...(JSON.parse(text) as KeptChild), over: true })];
    }),
  );

/** Another run has runs of its own. */
export const withoutRuns = (replay: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(replay).filter(([part]) => !isRunPart(part)));
