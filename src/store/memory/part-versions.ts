/** Parts over generations: each content stands once, with the generations that it holds for, and a change costs what it changes. */
import { copySealed } from "#contract/store/run-copy";
import type { Sealed } from "#contract/store/run-record";

interface Version {
  readonly name: string;
  readonly content: Sealed;
  readonly since: number;
  /** The generation from which on it no longer holds. */
  until: number;
  older: Version | undefined;
  newer: Version | undefined;
}

export class PartVersions {
  /** The newest of each name, which may be one that no longer holds. */
  readonly #newest = new Map<string, Version>();
  /** Those that no longer hold, in the order in which they ended. */
  #past: Version[] = [];
  #dropped = 0;

  put(name: string, content: Sealed, generation: number): void {
    const older = this.#newest.get(name);
    const version: Version = { name, content, since: generation, until: Number.POSITIVE_INFINITY, older, newer: undefined };
    if (older !== undefined) {
      older.newer = version;
      this.#end(older, generation);
    }
    this.#newest.set(name, version);
  }

  remove(name: string, generation: number): void {
    const version = this.#newest.get(name);
    if (version !== undefined) this.#end(version, generation);
  }

  /** All names that hold now. */
  *names(): Iterable<string> {
    for (const { name, until } of this.#newest.values()) if (until === Number.POSITIVE_INFINITY) yield name;
  }

  at(generation: number): Map<string, Sealed> {
    const parts = new Map<string, Sealed>();
    for (const newest of this.#newest.values()) {
      let version: Version | undefined = newest;
      while (version !== undefined && version.since > generation) version = version.older;
      if (version !== undefined && version.until > generation) parts.set(version.name, copySealed(version.content));
    }
    return parts;
  }

  /** Forgets what no generation from the oldest on holds. */
  dropBefore(oldest: number): void {
    for (let past = this.#past[this.#dropped]; past !== undefined && past.until <= oldest; past = this.#past[this.#dropped]) {
      if (past.newer !== undefined) past.newer.older = undefined;
      else this.#newest.delete(past.name);
      this.#dropped++;
    }
    if (this.#dropped * 2 <= this.#past.length) return;
    this.#past = this.#past.slice(this.#dropped);
    this.#dropped = 0;
  }

  #end(version: Version, generation: number): void {
    if (version.until !== Number.POSITIVE_INFINITY) return;
    version.until = generation;
    this.#past.push(version);
  }
}
