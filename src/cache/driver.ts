/** The port that a driver fills: texts and lists of texts by bare names, from which every operation of a cache is derived once. */
import type { ReceiveOptions } from "#contract/store/cache";
import type { Affixes } from "./keys.ts";

/** At once where the store is in this process, else later. */
export type Answer<T> = T | Promise<T>;

/** A value is set, or removed. */
export type Change = { key: string; json: string; ttlMs?: number | undefined } | { removed: string };

/** What becomes of a text, or of none. */
export interface Edit {
  /** May be called again, when another writer was faster. */
  apply(current: string | undefined): string;
  /** Set when it adds a number: a driver may then add on its own, to the same end. */
  readonly adds?: number;
}

/** Everything under one prefix and suffix. */
export interface Space {
  /** The names that hold something, each once. */
  names(kind: "value" | "mailbox"): Answer<readonly string[]>;
  /** The texts of the keys, in their order. */
  read(keys: readonly string[]): Answer<readonly (string | undefined)[]>;
  /** The messages of a mailbox, oldest first. */
  peek(mailbox: string): Answer<readonly string[]>;
  /** All changes or none. @returns how many of the removed values were there */
  write(changes: readonly Change[]): Answer<number>;
  /** Replaces a text in one step, and keeps its expiry. @returns the new text */
  edit(key: string, edit: Edit): Answer<string>;
  /** Appends to a mailbox, in the order of the calls. */
  push(mailbox: string, text: string): Answer<void>;
  /** Takes the oldest text that `parse` can read, or null after the timeout; one that it throws on stays where it is. */
  take<T>(mailbox: string, parse: (text: string) => T, options: ReceiveOptions): Answer<T | null>;
}

export interface CacheDriver {
  /** Without affixes, the names as they stand, which no view builds. */
  space(affixes: Affixes | undefined): Space;
  /**
   * Rejects every receiver with `cache-closed`, lets what was asked before finish for a bounded time, and frees all. Called once.
   *
   * @param unfinished what will ask more before it is done
   */
  close(unfinished: Iterable<Promise<unknown>>): Answer<void>;
}

/** Goes on with an answer: in this very turn when it is there already. */
export function onAnswer<A, B>(answer: Answer<A>, next: (value: A) => Answer<B>): Answer<B> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}
