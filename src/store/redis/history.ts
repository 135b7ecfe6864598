/** Generations, events and messages of a run. */
import { SnapshotError } from "#contract/base/errors";
import type { GenerationEntry, StoredEvent, StoredGeneration, StoredMessage } from "#contract/store/run-commit";
import { rowDamaged } from "#contract/store/run-errors";
import type { Sealed, StoredRun } from "#contract/store/run-record";
import type { Argument, Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { events as eventsScript, load as loadScript, type Script } from "./scripts.ts";
import { type Place, parseHeaded, untagged } from "./sealed.ts";

type GenerationHead = Omit<GenerationEntry, "generation" | "info">;

/** As the script gives it; without more than the newest number where it is not one of those that are kept. */
type Loaded = [newest: Buffer, generation?: Buffer, kept?: Buffer | null, parts?: Buffer[], replaced?: Buffer[]];

/** What a script gives of a run whose row it cannot read. */
const UNREAD = 0;

export class History {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** How many generations are. */
  readonly #keep: number;

  constructor(connection: Connection, keys: Keys, keep: number) {
    this.#connection = connection;
    this.#keys = keys;
    this.#keep = keep;
  }

  /** @param wanted default the newest that can be read. @throws SnapshotError `snapshot-damaged` */
  async load(taskId: string, wanted: number | undefined): Promise<StoredGeneration | undefined> {
    const first = await this.#loaded(taskId, wanted);
    if (first === undefined || wanted !== undefined) return first && wholeOf(taskId, first);
    const newest = Number(first[0]);
    const passedOver: string[] = [];
    for (let generation = newest; generation > Math.max(0, newest - this.#keep); generation--) {
      try {
        const loaded = generation === newest ? first : await this.#loaded(taskId, generation);
        const found = loaded && wholeOf(taskId, loaded);
        if (found !== undefined) return { ...found, passedOver };
        passedOver.push(`Generation ${generation}: it is not in the hash of generations.`);
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        passedOver.push(error.message);
      }
    }
    throw new SnapshotError(`None of the generations of run "${taskId}" is whole:\n- ${passedOver.join("\n- ")}`, {
      code: "snapshot-damaged",
    });
  }

  /** What of it cannot be read is left out. */
  async generations(run: StoredRun, before: number, limit: number): Promise<GenerationEntry[]> {
    const oldest = Math.max(1, run.generation - this.#keep + 1);
    for (let last = Math.min(run.generation, before - 1); last >= oldest; last -= limit) {
      const numbers = Array.from({ length: Math.min(limit, last - oldest + 1) }, (_, index) => last - index);
      const found = (await this.#connection.call("hmget", this.#keys.ofRun(run.taskId).generations, ...numbers)) as (Buffer | null)[];
      const entries = numbers.flatMap((generation, index) => entryOf(run.taskId, generation, found[index] ?? null));
      if (entries.length > 0) return entries;
    }
    return [];
  }

  /** @throws SnapshotError `snapshot-damaged` */
  async events(taskId: string, from: number, limit: number): Promise<StoredEvent[]> {
    const { run, events } = this.#keys.ofRun(taskId);
    const found = (await this.#ofRun(taskId, eventsScript, [run, events], [from, limit])) as Buffer[] | null;
    return (found ?? []).map((each) => {
      const { head, sealed: body } = parseHeaded<[seq: number, at: number]>(each, { taskId, what: "An event" });
      return { seq: head[0], at: head[1], body };
    });
  }

  /** @throws SnapshotError `snapshot-damaged` */
  async messages(taskId: string, after: number): Promise<StoredMessage[]> {
    const found = (await this.#connection.call("hvals", this.#keys.ofRun(taskId).inbox)) as Buffer[];
    const messages = found.map((each) => {
      const { head, sealed: body } = parseHeaded<Omit<StoredMessage, "body">>(each, { taskId, what: "A message" });
      return { ...head, body };
    });
    return messages.filter(({ n }) => n > after).sort((a, b) => a.n - b.n);
  }

  async #loaded(taskId: string, wanted: number | undefined): Promise<Loaded | undefined> {
    const { run, generations, parts } = this.#keys.ofRun(taskId);
    const reply = await this.#ofRun(taskId, loadScript, [run, generations, parts], [wanted ?? "", this.#keep]);
    return (reply ?? undefined) as Loaded | undefined;
  }

  async #ofRun(taskId: string, script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const reply = await this.#connection.run(script, keys, args);
    if (reply === UNREAD) throw rowDamaged(taskId, "it cannot be read");
    return reply;
  }
}

/** Undefined where it is not kept. @throws SnapshotError `snapshot-damaged` */
function wholeOf(taskId: string, [, number, kept, newest = [], replaced = []]: Loaded): StoredGeneration | undefined {
  if (number === undefined || kept === null || kept === undefined) return undefined;
  const generation = Number(number);
  const place: Place = { taskId, what: `Generation ${generation}` };
  try {
    const whole = new Map<string, Buffer>();
    for (let at = 0; at + 1 < newest.length; at += 2) whole.set(String(newest[at]), newest[at + 1] as Buffer);
    for (const each of replaced) putBack(whole, each);
    const contents = Array.from(whole, ([name, content]): [string, Sealed] => [name, untagged(content, place)]);
    return { generation, info: parseHeaded<GenerationHead>(kept, place).sealed, parts: new Map(contents), passedOver: [] };
  } catch (cause) {
    throw new SnapshotError(`Generation ${generation} of run "${taskId}" is damaged: what is stored of it cannot be read.`, {
      code: "snapshot-damaged",
      cause,
    });
  }
}

function entryOf(taskId: string, generation: number, kept: Buffer | null): GenerationEntry[] {
  if (kept === null) return [];
  try {
    const { head, sealed: info } = parseHeaded<GenerationHead>(kept, { taskId, what: `Generation ${generation}` });
    return [{ generation, ...head, info }];
  } catch {
    return [];
  }
}

/** What a generation replaced: a line of names and lengths, where -1 says that there was no such part, then the contents. */
function putBack(parts: Map<string, Buffer>, replaced: Buffer): void {
  if (replaced.length === 0) return;
  const line = replaced.indexOf("\n");
  let at = line + 1;
  for (const [name, length] of JSON.parse(replaced.toString("utf8", 0, line)) as [string, number][]) {
    if (length < 0) parts.delete(name);
    else parts.set(name, replaced.subarray(at, at + length));
    at += Math.max(0, length);
  }
}
