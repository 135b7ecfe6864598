/** The driver of a run's values: those in memory, where whatever an attempt changes is noted, too. */
import type { CacheDriver, Change, Edit, Space } from "#cache/driver";
import { type Affixes, readName, valueKey } from "#cache/keys";
import type { MemoryDriver, MemorySpace } from "#cache/memory/driver";
import type { ReceiveOptions } from "#contract/store/cache";
import type { Written } from "#contract/store/run-room";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { entryText } from "./value-parts.ts";

/** Refuses what has no room in the run's store. @throws AsimovError `part-too-large` */
export type ValueRoom = (written: Written) => void;

/** What may not be written. */
export interface WriteLimits {
  readonly requireRoom: ValueRoom;
  /** @throws what is said of a run that takes nothing more from outside */
  requireOpen(): void;
}
type JournalOf = () => Journal | undefined;

/** Of a value that expires, whenever that is. */
const LATEST = 9_999_999_999_999;
const ENTRY_LENGTH = entryText({ json: "", expiresAt: LATEST }).length;

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
  readonly #journal: JournalOf;
  readonly #limits: WriteLimits;

  /** @param journal of the attempt, or the step, that works by it; absent where what is done is settled at once */
  constructor(live: MemoryDriver, ledger: Ledger, journal: JournalOf, limits: WriteLimits) {
    this.#live = live;
    this.#ledger = ledger;
    this.#journal = journal;
    this.#limits = limits;
  }

  space(affixes: Affixes | undefined): Space {
    return new RunSpace(this.#live.space(affixes), (key) => nameIn(affixes, key), this.#ledger, this.#journal, this.#limits);
  }

  close(): void {
    this.#live.close();
  }
}

class RunSpace implements Space {
  readonly #live: MemorySpace;
  readonly #nameOf: (key: string) => string;
  readonly #ledger: Ledger;
  readonly #journal: JournalOf;
  readonly #limits: WriteLimits;

  constructor(live: MemorySpace, nameOf: (key: string) => string, ledger: Ledger, journal: JournalOf, limits: WriteLimits) {
    this.#live = live;
    this.#nameOf = nameOf;
    this.#ledger = ledger;
    this.#journal = journal;
    this.#limits = limits;
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

  /** An attempt is refused by its gate. */
  #requireOpen(): void {
    if (this.#journal() === undefined) this.#limits.requireOpen();
  }

  write(changes: readonly Change[]): number {
    this.#requireOpen();
    for (const change of changes) if ("json" in change) this.#requireRoom(change.key, change.json);
    let removed = 0;
    for (const change of changes) {
      const key = "removed" in change ? change.removed : change.key;
      const before = this.#live.entry(key);
      removed += this.#live.write([change]);
      this.#ledger.wrote(this.#journal(), this.#nameOf(key), before, this.#live.entry(key));
    }
    return removed;
  }

  edit(key: string, edit: Edit): string {
    this.#requireOpen();
    const before = this.#live.entry(key);
    const apply: Edit["apply"] = (current) => {
      const json = edit.apply(current);
      this.#requireRoom(key, json);
      return json;
    };
    const json = this.#live.edit(key, { ...edit, apply });
    if (edit.adds === undefined) this.#ledger.wrote(this.#journal(), this.#nameOf(key), before, this.#live.entry(key));
    else this.#ledger.added(this.#journal(), this.#nameOf(key), before, edit.adds);
    return json;
  }

  push(mailbox: string, text: string): void {
    this.#requireOpen();
    this.#limits.requireRoom({ what: () => `A message to mailbox "${mailbox}"`, length: text.length, text: () => text });
    // First, since a receiver that waits takes it in the same turn.
    this.#ledger.published(this.#journal(), this.#nameOf(mailbox), text);
    this.#live.push(mailbox, text);
  }

  #requireRoom(key: string, json: string): void {
    this.#limits.requireRoom({
      what: () => `The value of key "${this.#nameOf(key)}"`,
      length: json.length + ENTRY_LENGTH,
      text: () => entryText({ json, expiresAt: LATEST }),
    });
  }

  take<T>(mailbox: string, parse: (text: string) => T, options: ReceiveOptions): T | null | Promise<T | null> {
    const journal = this.#journal();
    const taking = (text: string): T => {
      const message = parse(text);
      this.#ledger.took(journal, this.#nameOf(mailbox));
      return message;
    };
    return this.#live.take(mailbox, taking, options);
  }
}
