/**
 * What a run keeps of its own: values and mailboxes in memory, seen by the whole run at once, of which a commit stores what settled attempts did.
 *
 * An attempt that ends, well or badly, settles what it did; until then a commit leaves it out, so that a repeat finds what the first try found.
 */
import type { Affixes } from "#cache/keys";
import { MemoryDriver } from "#cache/memory/driver";
import { SharedStore } from "#cache/shared-store";
import { StoredCache } from "#cache/stored-cache";
import type { Clock } from "#contract/base/services";
import type { OpenValues } from "#contract/run/host";
import type { Cache } from "#contract/store/cache";
import type { Written } from "#contract/store/run-room";
import { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { isThere } from "./mailbox-log.ts";
import { locate, RunDriver, type ValueRoom, type WriteLimits } from "./run-driver.ts";
import { entryText, messagePart, readValueParts, type ValueChanges, valuePart } from "./value-parts.ts";

class ValuesView extends StoredCache<ValuesView> {
  protected viewOf(affixes: Affixes, store: SharedStore): ValuesView {
    return new ValuesView(affixes, store);
  }
}

const BARE: Affixes = { prefix: "", suffix: "" };

export class RunValues implements WriteLimits {
  readonly #live: MemoryDriver;
  readonly #ledger: Ledger;
  readonly #store: SharedStore;
  /** What is set before there is one has room, or the run is refused when it is stored. */
  room: ValueRoom | undefined;
  /** The run, from when on it takes nothing more from outside. */
  #ended: { refusal(what: string): Error } | undefined;
  /** For what is done from outside of any attempt: it is settled at once. */
  readonly cache: Cache;

  /** @param parts of a run that is restored. @throws SnapshotError `snapshot-damaged` */
  constructor(clock: Clock, parts: Iterable<readonly [part: string, text: string]> = []) {
    this.#live = new MemoryDriver(clock);
    this.#ledger = new Ledger(clock, (name) => {
      const { space, key } = locate(this.#live, name);
      return space.entry(key);
    });
    this.#store = new SharedStore(new RunDriver(this.#live, this.#ledger, () => undefined, this));
    this.cache = new ValuesView(BARE, this.#store);
    this.#restore(parts);
  }

  requireRoom(written: Written): void {
    this.room?.(written);
  }

  requireOpen(): void {
    if (this.#ended !== undefined) throw this.#ended.refusal("values");
  }

  /** What was set from outside from now on would be in no store; all is there to be read. */
  end(run: { refusal(what: string): Error }): void {
    this.#ended = run;
  }

  /**
   * What is done by it is seen at once, and settled when the attempt says so.
   *
   * @param stepOf the step of the attempt that something is done by now: it is settled with that
   */
  open(stepOf: () => object | undefined = () => undefined): OpenValues {
    const own = new Journal();
    let steps: Map<object, Journal> | undefined;
    const journalOf = (): Journal => {
      const step = stepOf();
      if (step === undefined) return own;
      steps ??= new Map();
      const journal = steps.get(step) ?? new Journal();
      steps.set(step, journal);
      return journal;
    };
    const settle = (step?: object): void => {
      if (step === undefined) this.#ledger.settle(own);
      for (const [each, journal] of steps ?? []) {
        if (step !== undefined && each !== step) continue;
        this.#ledger.settle(journal);
        steps?.delete(each);
      }
    };
    const store = this.#store.by(new RunDriver(this.#live, this.#ledger, journalOf, this));
    return { cache: new ValuesView(BARE, store), settle };
  }

  /** What was settled since this was last asked for. */
  changes(): ValueChanges {
    const { values, messages, putBack } = this.#ledger.changes();
    const changed = new Map<string, string>();
    const removed: string[] = [];
    for (const [name, entry] of values) {
      if (entry === undefined) removed.push(valuePart(name));
      else changed.set(valuePart(name), entryText(entry));
    }
    for (const message of messages) {
      if (isThere(message)) changed.set(messagePart(message), message.text);
      else removed.push(messagePart(message));
    }
    return { changed, removed, putBack };
  }

  /** All that is settled, as parts. */
  *parts(): Generator<[part: string, text: string]> {
    for (const [name, entry] of this.#ledger.settledValues()) yield [valuePart(name), entryText(entry)];
    for (const message of this.#ledger.settledMessages()) yield [messagePart(message), message.text];
  }

  #restore(parts: Iterable<readonly [part: string, text: string]>): void {
    const { values, messages } = readValueParts(parts);
    for (const [name, entry] of values) {
      const { space, key } = locate(this.#live, name);
      space.put(key, entry);
    }
    for (const { mailbox, text } of messages) {
      const { space, key } = locate(this.#live, mailbox);
      space.push(key, text);
    }
    this.#ledger.restored(values.keys(), messages);
  }
}
