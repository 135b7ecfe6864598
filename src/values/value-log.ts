/** One key that attempts have changed and not settled: what it holds by the settled changes alone, in the order in which they were made. */
import type { CacheEntry } from "#contract/store/cache";

/** A write, with the sums that were settled after it. */
interface Version {
  readonly seq: number;
  /** Sums that were made before count for nothing here: of the write, or of the moment when it had expired. */
  since: number;
  entry: CacheEntry | undefined;
}

interface Sum {
  readonly seq: number;
  by: number;
}

function numberIn(json: string | undefined): number {
  const value: unknown = json === undefined ? 0 : JSON.parse(json);
  return typeof value === "number" ? value : 0;
}

/** What is no number there counts as nothing: the sum was made of a number that is not settled. */
function plus(entry: CacheEntry | undefined, by: number): CacheEntry {
  const sum = numberIn(entry?.json) + by;
  return { ...entry, json: JSON.stringify(Number.isFinite(sum) ? sum : by) };
}

export class ValueLog {
  /** Attempts that have changed the key and are open. */
  holders = 0;
  #settled: Version;
  /** The last write of each attempt, oldest first; those before a settled one are gone. */
  readonly #writes = new Map<object, Version>();
  /** What each attempt has added since its own last write. */
  readonly #sums = new Map<object, Sum[]>();
  /** Sums before and after it are not one. */
  #border = 0;
  /** Most keys never do. */
  #mayExpire: boolean;

  constructor(settled: CacheEntry | undefined) {
    this.#settled = { seq: 0, since: 0, entry: settled };
    this.#mayExpire = settled?.expiresAt !== undefined;
  }

  get settled(): CacheEntry | undefined {
    return this.#settled.entry;
  }

  /** @param journal the attempt that does it; absent where it is settled at once, as in `add` */
  write(journal: object | undefined, seq: number, entry: CacheEntry | undefined): void {
    const version = { seq, since: seq, entry };
    this.#border = seq;
    this.#mayExpire ||= entry?.expiresAt !== undefined;
    if (journal === undefined) {
      this.#writes.clear();
      this.#settled = version;
      return;
    }
    this.#sums.delete(journal);
    this.#writes.delete(journal);
    this.#writes.set(journal, version);
  }

  /** @param at milliseconds since 1970: what has expired by then is not added to */
  add(journal: object | undefined, seq: number, by: number, at: number): void {
    if (this.#mayExpire) this.#expire(seq - 1, at);
    if (journal === undefined) return this.#apply({ seq, by });
    const sums = this.#sums.get(journal) ?? [];
    const last = sums.at(-1);
    if (last !== undefined && last.seq > this.#border) last.by += by;
    else this.#sums.set(journal, [...sums, { seq, by }]);
  }

  /** What the attempt did stands from now on. */
  settle(journal: object): void {
    const write = this.#writes.get(journal);
    if (write !== undefined) {
      for (const [writer, { seq }] of this.#writes) {
        if (seq > write.seq) break;
        this.#writes.delete(writer);
      }
      this.#settled = write;
    }
    for (const sum of this.#sums.get(journal) ?? []) this.#apply(sum);
    this.#sums.delete(journal);
  }

  #expire(seq: number, at: number): void {
    for (const version of this.#versions()) {
      if ((version.entry?.expiresAt ?? Number.POSITIVE_INFINITY) > at) continue;
      version.entry = undefined;
      version.since = seq;
      this.#border = seq;
    }
  }

  #apply({ seq, by }: Sum): void {
    for (const version of this.#versions()) if (version.since < seq) version.entry = plus(version.entry, by);
  }

  *#versions(): Generator<Version> {
    yield this.#settled;
    yield* this.#writes.values();
  }
}
