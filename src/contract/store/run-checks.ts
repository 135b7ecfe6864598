/** Takes what a caller hands to a store: checked, measured, and as a copy of the store's own. */
import type { CancelOrder, Commit, MessageOrder, NewRun } from "./run-commit.ts";
import type { RunStoreSettings } from "./run-options.ts";
import type { Owner, Sealed } from "./run-record.ts";
import { misused, notText, partTooLarge } from "./store-errors.ts";

const encoder = new TextEncoder();

/** Bytes as UTF-8. */
export const sizeOf = (sealed: Sealed): number =>
  typeof sealed === "string" ? (sealed.length < 64 ? shortSize(sealed) : encoder.encode(sealed).length) : sealed.length;

function shortSize(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Both halves of a pair are counted by two: together the four that they take.
    if (unit > 0x7f) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

export function requireText(text: unknown, what: string): asserts text is string {
  if (typeof text !== "string") throw misused(what, "a string", text);
  if (!text.isWellFormed()) throw notText(what);
}

export function requireCount(value: unknown, what: string, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw misused(what, `a whole number of at least ${least}`, value);
}

const requireMoment = (value: unknown, what: string): void => {
  if (value !== null) requireCount(value, what, Number.MIN_SAFE_INTEGER);
};

/** Reads what is sealed for one run, and counts its bytes. */
class Taker {
  bytes = 0;
  readonly #taskId: string;
  readonly #most: number;

  constructor(taskId: string, { maxPartBytes }: RunStoreSettings) {
    requireText(taskId, "The task id");
    this.#taskId = taskId;
    this.#most = maxPartBytes;
  }

  take(sealed: Sealed, what: () => string): Sealed {
    const isText = typeof sealed === "string";
    if (!isText && !(sealed instanceof Uint8Array)) throw misused(what(), "a string or a Uint8Array", sealed);
    if (isText && !sealed.isWellFormed()) throw notText(`${what()} of run "${this.#taskId}"`);
    const size = sizeOf(sealed);
    if (size > this.#most) throw partTooLarge(this.#taskId, what(), size, this.#most);
    this.bytes += size;
    return isText ? sealed : sealed.slice();
  }
}

/** A commit as the store may keep it, with the bytes that it writes. */
export interface Taken {
  commit: Commit;
  bytes: number;
}

/** @throws AsimovError `part-too-large`, `run-store-text` or `invalid-options` */
export function takeCommit(taskId: string, given: Commit, settings: RunStoreSettings): Taken {
  const taker = new Taker(taskId, settings);
  const put = new Map<string, Sealed>();
  for (const [name, content] of given.put) {
    requireText(name, "The name of a part");
    put.set(
      name,
      taker.take(content, () => `Part ${JSON.stringify(name)}`),
    );
  }
  for (const name of given.remove) requireText(name, "The name of a removed part");
  const { info, run } = given;
  const commit: Commit = {
    ...given,
    put,
    remove: given.remove.filter((name) => !put.has(name)),
    info: taker.take(info, () => "The info of a generation"),
    events: given.events.map(({ seq, at, body }) => ({ seq, at, body: taker.take(body, () => `Event ${seq}`) })),
    consumed: [...given.consumed],
  };
  if (given.questions !== undefined) commit.questions = takeQuestions(taker, given.questions);
  if (run !== undefined) {
    if (run.dueAt !== undefined) requireMoment(run.dueAt, "dueAt");
    commit.run = run.info === undefined ? { ...run } : { ...run, info: taker.take(run.info, () => "The info") };
  }
  return { commit, bytes: taker.bytes };
}

function takeQuestions(taker: Taker, { put, close }: NonNullable<Commit["questions"]>): NonNullable<Commit["questions"]> {
  return {
    put: put.map(({ id, askedAt, deadline, to, body }) => {
      requireText(id, "The id of a question");
      if (to !== null) requireText(to, "Whom a question is asked");
      requireMoment(deadline, "The deadline of a question");
      requireMoment(askedAt, "`askedAt`");
      return { id, askedAt, deadline, to, body: taker.take(body, () => `Question ${JSON.stringify(id)}`) };
    }),
    close: close.map(({ id, why, by }) => ({ id, why, ...(by === undefined ? {} : { by }) })),
  };
}

export function takeNewRun(given: NewRun, settings: RunStoreSettings): { run: NewRun; bytes: number } {
  const { taskId } = given;
  const taker = new Taker(taskId, settings);
  for (const name of ["agent", "version", "type", "graphHash"] as const) requireText(given[name], `\`${name}\``);
  for (const [key, value] of Object.entries(given.labels)) {
    requireText(key, "The name of a label");
    requireText(value, `The label ${JSON.stringify(key)}`);
  }
  requireMoment(given.dueAt, "dueAt");
  if (given.createdAt !== undefined) requireMoment(given.createdAt, "createdAt");
  const info = taker.take(given.info, () => "The info");
  const first = takeCommit(taskId, given.first, settings);
  return { run: { ...given, labels: { ...given.labels }, info, first: first.commit }, bytes: taker.bytes + first.bytes };
}

export function requireOwner(owner: Owner): void {
  requireText(owner.id, "The owner's id");
  requireCount(owner.leaseMs, "leaseMs", 1);
}

export function takeMessage(taskId: string, given: MessageOrder, settings: RunStoreSettings): MessageOrder {
  requireText(given.id, "The id of a message");
  requireText(given.mailbox, "The name of a mailbox");
  return {
    ...given,
    body: new Taker(taskId, settings).take(
      given.body,
      () => `Message ${JSON.stringify(given.id)} to mailbox ${JSON.stringify(given.mailbox)}`,
    ),
  };
}

export function takeCancel(taskId: string, given: CancelOrder, settings: RunStoreSettings): CancelOrder {
  requireText(given.reason, "The reason of a cancel");
  const taker = new Taker(taskId, settings);
  const { info, events } = given.end;
  const end = {
    ...(info === undefined ? {} : { info: taker.take(info, () => "The info") }),
    events: events.map((body) => taker.take(body, () => "An event")),
  };
  return { ...given, end };
}
