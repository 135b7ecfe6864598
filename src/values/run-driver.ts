/** The driver of a run's values: those in memory, where whatever an attempt changes is noted, too. */
import type { CacheDriver, Change, Edit, Space } from "#cache/driver";
import { type Affixes, readName, valueKey } from "#cache/keys";
import type { MemoryDriver, MemorySpace } from "#cache/memory/driver";
import type { ReceiveOptions } from "#contract/store/cache";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";

/** The whole name of a key or mailbox: of the view and of what it calls it. */
const nameIn = (affixes: Affixes | undefined, key: string): string => (affixes === undefined ? key : valueKey(affixes, key));

/** Where a whole name lies. */
export function locate(driver: MemoryDriver, name: string): { space: MemorySpace; key: string } {
  const found = readName(name);
  return found?.kind === "value" ? { space: driver.space(found), key: found.name } : { space: driver.space(undefined), key: name };
}

export class RunDriver implements CacheDriver {
  readonly #live: MemoryDriver;
  readonly #ledger: Ledger;
  readonly #journal: Journal | undefined;

  /** @param journal of the attempt that works by it; absent where what is done is settled at once */
  constructor(live: MemoryDriver, ledger: Ledger, journal: Journal | undefined) {
    this.#live = live;
    this.#ledger = ledger;
    this.#journal = journal;
  }

  space(affixes: Affixes | undefined): Space {
    return new RunSpace(this.#live.space(affixes), (key) => nameIn(affixes, key), this.#ledger, this.#journal);
  }

  close(): void {
    this.#live.close();
  }
}

class RunSpace implements Space {
  readonly #live: MemorySpace;
  readonly #nameOf: (key: string) => string;
  readonly #ledger: Ledger;
  readonly #journal: Journal | undefined;

  constructor(live: MemorySpace, nameOf: (key: string) => string, ledger: Ledger, journal: Journal | undefined) {
    this.#live = live;
    this.#nameOf = nameOf;
    this.#ledger = ledger;
    this.#journal = journal;
  }

  names(kind: "value" | "mailbox"): string[] {
    return this.#live.names(kind);
  }

  read(keys: readonly string[]): (string | undefined)[] {
    return this.#live.read(keys);
  }

  peek(mailbox: string): string[] {
    return this.#live.peek(mailbox);
  }

  write(changes: readonly Change[]): number {
    let removed = 0;
    for (const change of changes) {
      const key = "removed" in change ? change.removed : change.key;
      const before = this.#live.entry(key);
      removed += this.#live.write([change]);
      this.#ledger.wrote(this.#journal, this.#nameOf(key), before, this.#live.entry(key));
    }
    return removed;
  }

  edit(key: string, edit: Edit): string {
    const before = this.#live.entry(key);
    const json = this.#live.edit(key, edit);
    if (edit.adds === undefined) this.#ledger.wrote(this.#journal, this.#nameOf(key), before, this.#live.entry(key));
    else this.#ledger.added(this.#journal, this.#nameOf(key), before, edit.adds);
    return json;
  }

  push(mailbox: string, text: string): void {
    // First, since a receiver that waits takes it in the same turn.
    this.#ledger.published(this.#journal, this.#nameOf(mailbox), text);
    this.#live.push(mailbox, text);
  }

  take<T>(mailbox: string, parse: (text: string) => T, options: ReceiveOptions): T | null | Promise<T | null> {
    const taking = (text: string): T => {
      const message = parse(text);
      this.#ledger.took(this.#journal, this.#nameOf(mailbox));
      return message;
    };
    return this.#live.take(mailbox, taking, options);
  }
}
