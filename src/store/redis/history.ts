/** Generations, events and messages of a run. */
import { SnapshotError } from "#contract/base/errors";
import type { GenerationEntry, StoredEvent, StoredGeneration, StoredMessage } from "#contract/store/run-commit";
import type { Sealed } from "#contract/store/run-record";
import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { events as eventsScript, load as loadScript } from "./scripts.ts";
import { parseHeaded, untagged } from "./sealed.ts";

type GenerationHead = Omit<GenerationEntry, "generation" | "info">;

/** @param wanted default the newest */
export async function loadGeneration(
  connection: Connection,
  keys: Keys,
  taskId: string,
  wanted: number | undefined,
  keep: number,
): Promise<StoredGeneration | undefined> {
  const { run, generations, parts } = keys.ofRun(taskId);
  const reply = await connection.run(loadScript, [run, generations, parts], [wanted ?? "", keep]);
  if (reply === null) return undefined;
  const [number, kept, newest, replaced] = reply as [Buffer, Buffer, Buffer[], Buffer[]];
  const generation = Number(number);
  try {
    const whole = new Map<string, Buffer>();
    for (let at = 0; at + 1 < newest.length; at += 2) whole.set(String(newest[at]), newest[at + 1] as Buffer);
    for (const each of replaced) putBack(whole, each);
    const contents = Array.from(whole, ([name, content]): [string, Sealed] => [name, untagged(content)]);
    return { generation, info: parseHeaded<GenerationHead>(kept).sealed, parts: new Map(contents), passedOver: [] };
  } catch (cause) {
    throw new SnapshotError(`Generation ${generation} of run "${taskId}" is damaged: what is stored of it cannot be read.`, {
      code: "snapshot-damaged",
      cause,
    });
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

export async function listGenerations(
  connection: Connection,
  keys: Keys,
  taskId: string,
  { newest, before, limit, keep }: { newest: number; before: number; limit: number; keep: number },
): Promise<GenerationEntry[]> {
  const last = Math.min(newest, before - 1);
  const oldest = Math.max(1, newest - keep + 1, last - limit + 1);
  const numbers = Array.from({ length: Math.max(0, last - oldest + 1) }, (_, index) => last - index);
  if (numbers.length === 0) return [];
  const found = (await connection.call("hmget", keys.ofRun(taskId).generations, ...numbers)) as (Buffer | null)[];
  return numbers.flatMap((generation, index) => {
    const kept = found[index];
    if (kept === null || kept === undefined) return [];
    const { head, sealed: info } = parseHeaded<GenerationHead>(kept);
    return [{ generation, ...head, info }];
  });
}

export async function listEvents(connection: Connection, keys: Keys, taskId: string, from: number, limit: number): Promise<StoredEvent[]> {
  const found = (await connection.run(eventsScript, [keys.ofRun(taskId).events], [from, limit])) as Buffer[];
  return found.map((each) => {
    const { head, sealed: body } = parseHeaded<[seq: number, at: number]>(each);
    return { seq: head[0], at: head[1], body };
  });
}

export async function listMessages(connection: Connection, keys: Keys, taskId: string, after: number): Promise<StoredMessage[]> {
  const found = (await connection.call("hvals", keys.ofRun(taskId).inbox)) as Buffer[];
  const messages = found.map((each) => {
    const { head, sealed: body } = parseHeaded<Omit<StoredMessage, "body">>(each);
    return { ...head, body };
  });
  return messages.filter(({ n }) => n > after).sort((a, b) => a.n - b.n);
}
