/** A run's events: those of each step stand in its file; now and then they are gathered in one, and the old steps go. */
import type { StoredEvent } from "#contract/store/run-commit";
import { checkedText, readChecked, type SealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { present } from "./host.ts";
import type { RunLog } from "./run-log.ts";

/** Old steps are gathered when this many have come. */
const GATHER_EACH = 32;

const lastOf = (name: string): number => Number(/^events-(\d{1,15})\.json$/.exec(name)?.[1] ?? -1);

interface Gathered {
  events: StoredEvent[];
  /** Whether a step went while it was read: then somebody else gathers. */
  isWhole: boolean;
}

export class EventLog {
  readonly #disk: Disk;
  readonly #log: RunLog;

  constructor(disk: Disk, log: RunLog) {
    this.#disk = disk;
    this.#log = log;
  }

  /** Oldest first. */
  read(): StoredEvent[] {
    for (;;) {
      const { events, isWhole } = this.#gather();
      if (isWhole) return events;
    }
  }

  /** After a step: leaves the newest and the one before it, for whom it comes too soon, and in one file the events of all others. */
  async tidy(newest: number, keepEvents: number): Promise<void> {
    if (newest % GATHER_EACH !== 0) return;
    const { events, isWhole } = this.#gather();
    const last = events.at(-1)?.seq ?? 0;
    if (!isWhole) return;
    const { path } = this.#disk.host;
    await this.#disk.publish(
      path.join(this.#log.folder, `events-${last}.json`),
      checkedText(this.#disk.host, { events: events.slice(-keepEvents) }),
    );
    for (const number of this.#log.numbers()) if (number < newest - 1) this.#disk.forget(this.#log.pathOf(number));
    for (const name of this.#files()) if (lastOf(name) < last) this.#disk.forget(path.join(this.#log.folder, name));
  }

  #files(): string[] {
    const { fs } = this.#disk.host;
    const names = present(this.#log.folder, () => fs.readdirSync(this.#log.folder)) ?? [];
    return names.filter((name) => lastOf(name) >= 0).sort((a, b) => lastOf(b) - lastOf(a));
  }

  #gather(): Gathered {
    const found = new Map<number, StoredEvent>();
    // Numbers first: what is gathered meanwhile is in the file that is read after.
    const numbers = this.#log.numbers();
    let isWhole = true;
    for (const number of numbers) {
      const step = this.#log.read(number);
      if (step === undefined) isWhole = this.#log.numbers().length === 0;
      for (const event of step?.events ?? []) found.set(event.seq, event);
    }
    const [newest] = this.#files();
    if (newest !== undefined) {
      const events = this.#read(newest);
      if (events === undefined) isWhole = false;
      for (const event of events ?? []) found.set(event.seq, event);
    }
    return { events: [...found.values()].sort((a, b) => a.seq - b.seq), isWhole };
  }

  #read(name: string): StoredEvent[] | undefined {
    const { host } = this.#disk;
    const path = host.path.join(this.#log.folder, name);
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) return undefined;
    return readChecked(host, path, bytes, ({ events }: { events: { seq: number; at: number; body: SealedJson }[] }) =>
      events.map((event) => ({ ...event, body: sealedOf(host, event.body) })),
    );
  }
}
