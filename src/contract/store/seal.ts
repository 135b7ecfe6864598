/**
 * What a caller writes to any store and finds again only as it was: each thing bears a hash of itself and of its place. Those of a
 * generation's parts are added up, so that a commit costs what it changes. It tells damage and mistakes of a store, not a forger.
 */
import { SnapshotError } from "#contract/base/errors";
import { digestOf } from "./digest.ts";
import type { Codec } from "./run-options.ts";
import type { Sealed } from "./run-record.ts";

const MODULUS = 1n << 128n;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Place = readonly [taskId: string, ...rest: (string | number)[]];

/** Nothing else has the same text before what is hashed. */
const headOf = (kind: string, as: "text" | "bytes", place: Place): string => `${JSON.stringify([kind, as, ...place])}\n`;

/** The hash of a thing at its place. @param head gives what stands before it */
function markOf(content: Sealed, head: (as: "text" | "bytes") => string): string {
  if (typeof content === "string") return digestOf(head("text") + content);
  const start = encoder.encode(head("bytes"));
  const whole = new Uint8Array(start.length + content.length);
  whole.set(start);
  whole.set(content, start.length);
  return digestOf(whole);
}

/** The sum over a run's parts, kept up to date by what each commit changes. */
export class PartsSum {
  readonly #taskId: string;
  readonly #marks = new Map<string, bigint>();
  /** By kind of content, what stands before a part's name in its head. */
  readonly #heads: Readonly<Record<"text" | "bytes", string>>;
  #sum = 0n;

  constructor(taskId: string, parts: Iterable<readonly [name: string, content: Sealed]> = []) {
    this.#taskId = taskId;
    const before = (as: "text" | "bytes"): string => headOf("part", as, [taskId, ""]).slice(0, -'""]\n'.length);
    this.#heads = { text: before("text"), bytes: before("bytes") };
    for (const [name, content] of parts) this.put(name, content);
  }

  put(name: string, content: Sealed): void {
    if (typeof content !== "string" && !(content instanceof Uint8Array))
      throw damaged(`The part of ${name}`, this.#taskId, "expected text or bytes");
    const mark = BigInt(`0x${markOf(content, (as) => `${this.#heads[as]}${JSON.stringify(name)}]\n`)}`);
    this.#sum += mark - (this.#marks.get(name) ?? 0n);
    this.#marks.set(name, mark);
  }

  remove(name: string): void {
    this.#sum -= this.#marks.get(name) ?? 0n;
    this.#marks.delete(name);
  }

  /** 32 digits and the number of parts. */
  toString(): string {
    return `${BigInt.asUintN(128, this.#sum + MODULUS)
      .toString(16)
      .padStart(32, "0")}-${this.#marks.size}`;
  }
}

/** What went wrong, in a sentence that names the thing. */
function damaged(what: string, taskId: string, how: string): SnapshotError {
  return new SnapshotError(
    `${what} of run "${taskId}" is not as it was stored: ${how}. Go on from an older generation, or from a copy of the store.`,
    {
      code: "snapshot-damaged",
    },
  );
}

/** Between the mark and what it is of. */
const MARK = /^([0-9a-f]{32}) /;

const markOfText = (kind: string, place: Place, body: string): string => markOf(body, (as) => headOf(kind, as, place));

const marked = (kind: string, place: Place, body: string): string => `${markOfText(kind, place, body)} ${body}`;

function unmarked(kind: string, what: string, place: Place, text: Sealed): string {
  const [taskId] = place;
  if (typeof text !== "string") throw damaged(what, taskId, "expected a text, found bytes");
  const expected = MARK.exec(text)?.[1];
  if (expected === undefined) throw damaged(what, taskId, "expected a checksum before it, found none");
  const body = text.slice(33);
  const found = markOfText(kind, place, body);
  if (found !== expected) throw damaged(what, taskId, `expected the checksum ${expected}, found ${found}`);
  return body;
}

/** The info of a generation, with its number and the sum of its parts. @param body what the runtime wants to say of it */
export const sealGeneration = (taskId: string, generation: number, sum: PartsSum, body: string): string =>
  marked("generation", [taskId, generation], `${sum.toString()} ${body}`);

/**
 * The runtime's own words, when generation, info and every part are those that were sealed.
 *
 * @param sum of the parts, for whoever goes on with it
 * @throws SnapshotError `snapshot-damaged`
 */
export function openGeneration(
  taskId: string,
  found: { generation: number; info: Sealed; parts: ReadonlyMap<string, Sealed> },
  sum: PartsSum = new PartsSum(taskId, found.parts),
): string {
  const what = `Generation ${found.generation}`;
  const text = unmarked("generation", what, [taskId, found.generation], found.info);
  const end = text.indexOf(" ");
  const expected = text.slice(0, end);
  if (sum.toString() !== expected) throw damaged(what, taskId, `expected parts with the sum ${expected}, found ${sum}`);
  return text.slice(end + 1);
}

/** Those words alone: its parts are not looked at. @throws SnapshotError `snapshot-damaged` */
export function openNote(taskId: string, { generation, info }: { generation: number; info: Sealed }): string {
  const text = unmarked("generation", `Generation ${generation}`, [taskId, generation], info);
  return text.slice(text.indexOf(" ") + 1);
}

/** The run's own info: it changes, and whoever reads it holds it against the run's id alone. */
export const sealInfo = (taskId: string, body: string): string => marked("info", [taskId], body);
export const openInfo = (taskId: string, info: Sealed): string => unmarked("info", "The info", [taskId], info);

/** An event's place is its number and moment; one to which a store gives both, as to those of a cancel, has the number 0 and its index. */
export const sealEvent = (taskId: string, { seq, at }: { seq: number; at: number }, body: string): string =>
  marked("event", [taskId, seq, at], body);
export const sealUnnumberedEvent = (taskId: string, index: number, body: string): string =>
  `+${index} ${marked("event", [taskId, 0, index], body)}`;

export function openEvent(taskId: string, { seq, at, body }: { seq: number; at: number; body: Sealed }): string {
  const index = typeof body === "string" ? /^\+(\d{1,6}) /.exec(body) : null;
  if (index === null) return unmarked("event", `Event ${seq}`, [taskId, seq, at], body);
  return unmarked("event", `Event ${seq}`, [taskId, 0, Number(index[1])], (body as string).slice(index[0].length));
}

/** A message's place is its id and mailbox: its number is the store's. */
export const sealMessage = (taskId: string, { id, mailbox }: { id: string; mailbox: string }, body: string): string =>
  marked("message", [taskId, id, mailbox], body);

export const openMessage = (taskId: string, { id, mailbox, body }: { id: string; mailbox: string; body: Sealed }): string =>
  unmarked("message", `Message ${JSON.stringify(id)}`, [taskId, id, mailbox], body);

/** A question's place is its id. */
export const sealQuestion = (taskId: string, id: string, body: string): string => marked("question", [taskId, id], body);
export const openQuestion = (taskId: string, { id, body }: { id: string; body: Sealed }): string =>
  unmarked("question", `Question ${JSON.stringify(id)}`, [taskId, id], body);

/** Numbers that a store gave out without gaps are all there. @throws SnapshotError `snapshot-damaged`, naming the first that is missing */
export function requireUnbroken(taskId: string, what: string, from: number, numbers: readonly number[]): void {
  for (const [index, number] of numbers.entries()) {
    if (number !== from + index) throw damaged(what, taskId, `expected number ${from + index}, found ${number}`);
  }
}

/** A number that a store gave to a message. @throws SnapshotError `snapshot-damaged` */
export function requireBetween(taskId: string, number: number, { above, last }: { above: number; last: number }): void {
  if (Number.isSafeInteger(number) && number > above && number <= last) return;
  throw damaged("The inbox", taskId, `expected a number from ${above + 1} to ${last}, found ${number}`);
}

export const eventsMissing = (taskId: string, last: number, found: number): SnapshotError =>
  damaged("The list of events", taskId, `expected them until number ${last}, found them until ${found}`);

export const messagesMissing = (taskId: string, expected: number, found: number): SnapshotError =>
  new SnapshotError(`Run ${taskId} has lost messages: expected ${expected} in its inbox, found ${found}. Send them again.`, {
    code: "snapshot-damaged",
  });

/** Generations come newest first. @throws SnapshotError `snapshot-damaged` */
export function requireFalling(taskId: string, generation: number, before = Number.POSITIVE_INFINITY): void {
  if (Number.isInteger(generation) && generation < before) return;
  throw damaged("The list of generations", taskId, `expected one before ${before}, found ${generation}`);
}

/** What users wrote, through their codec where there is one. */
export const encoded = (codec: Codec | undefined, text: string): Sealed =>
  codec === undefined ? text : codec.encode(encoder.encode(text));

/** What was stored before there was a codec stays readable. @throws SnapshotError `snapshot-codec` */
export function decoded(codec: Codec | undefined, sealed: Sealed, what: string): string {
  if (typeof sealed === "string") return sealed;
  if (codec === undefined) {
    throw new SnapshotError(`${what} was stored with a codec; this store has none. Give it the \`codec\` that it was written with.`, {
      code: "snapshot-codec",
    });
  }
  try {
    return decoder.decode(codec.decode(sealed));
  } catch (error) {
    throw new SnapshotError(`${what} could not be decoded by this store's codec. Give it the \`codec\` that it was written with.`, {
      code: "snapshot-codec",
      cause: error,
    });
  }
}
