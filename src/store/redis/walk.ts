/** Goes along sorted sets of all buckets as if they were one, page by page. */
import type { Connection } from "./connection.ts";
import { BUCKETS, type Keys } from "./keys.ts";

export interface Entry {
  id: string;
  score: number;
  /** The list in which it stands. */
  list: string;
}

export interface WalkOptions {
  lists: readonly string[];
  /** Highest first. Default lowest first. */
  isDown?: boolean;
  /** Scores from and up to these, which count too. */
  least?: number;
  most?: number;
  /** How many are read of each set at a time. */
  page: number;
  compare(a: Entry, b: Entry): number;
}

interface Cursor {
  key: string;
  list: string;
  found: Entry[];
  /** The score up to which was read, and how many of that score were. */
  bound: number | undefined;
  ties: number;
  isDone: boolean;
}

export class Walk {
  readonly #connection: Connection;
  readonly #options: WalkOptions;
  readonly #cursors: Cursor[];

  constructor(connection: Connection, keys: Keys, options: WalkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#cursors = options.lists.flatMap((list) =>
      Array.from({ length: BUCKETS }, (_, bucket) => ({
        key: keys.list(bucket, list),
        list,
        found: [],
        bound: options.isDown === true ? options.most : options.least,
        ties: 0,
        isDone: false,
      })),
    );
  }

  /** The next ones, at most so many; none at the end. */
  async next(count: number): Promise<Entry[]> {
    const { compare } = this.#options;
    const entries: Entry[] = [];
    while (entries.length < count) {
      await Promise.all(this.#cursors.filter(({ found, isDone }) => found.length === 0 && !isDone).map((cursor) => this.#read(cursor)));
      const heads = this.#cursors.filter(({ found }) => found.length > 0);
      if (heads.length === 0) break;
      // As long as no set is at its end, the first of all is the first of one.
      while (entries.length < count && heads.every(({ found }) => found.length > 0)) {
        let first = heads[0] as Cursor;
        for (const each of heads) if (compare(each.found[0] as Entry, first.found[0] as Entry) < 0) first = each;
        entries.push(first.found.shift() as Entry);
      }
    }
    return entries;
  }

  async #read(cursor: Cursor): Promise<void> {
    const { isDown = false, least, most, page } = this.#options;
    const [low, high] = [(isDown ? least : cursor.bound) ?? "-inf", (isDown ? cursor.bound : most) ?? "+inf"];
    const range = isDown ? ["zrevrangebyscore", cursor.key, high, low] : ["zrangebyscore", cursor.key, low, high];
    const [command, ...args] = range as [string, ...(string | number)[]];
    const reply = (await this.#connection.call(command, ...args, "WITHSCORES", "LIMIT", cursor.ties, page)) as Buffer[];
    for (let at = 0; at + 1 < reply.length; at += 2) {
      const score = Number(reply[at + 1]);
      cursor.ties = score === cursor.bound ? cursor.ties + 1 : 1;
      cursor.bound = score;
      cursor.found.push({ id: String(reply[at]), score, list: cursor.list });
    }
    cursor.isDone = reply.length < 2 * page;
  }
}
