/** A script on its way: each call takes the next turn; where the calls and the script part, both sides are told. */
import { AsimovError, messageOf, NonRetryableError } from "#contract/base/errors";
import { type Answer, answerOf } from "./answer.ts";
import { requireScript, requireTurn, type Script, type ScriptedTurn, type ScriptRequest } from "./script.ts";

/** Characters of a message that an error shows. */
const SHOWN = 80;

export class ScriptReader<Request extends ScriptRequest> {
  readonly #script: Script<Request>;
  #taken = 0;
  #parted: NonRetryableError | undefined;

  /** @throws AsimovError `invalid-options` */
  constructor(script: Script<Request>) {
    this.#script = requireScript(script);
  }

  /** The number that the next call has, from 1. */
  get nextNumber(): number {
    return this.#taken + 1;
  }

  get remaining(): number {
    return Math.max(0, this.#script.length - this.#taken);
  }

  /**
   * Takes the next turn before it waits for anything, so that calls are answered in their order.
   *
   * @param asked the number of characters that went in
   * @throws NonRetryableError `script-exhausted`, `script-mismatch`, `script-failed`
   */
  async next(request: Request, asked: number): Promise<Answer> {
    this.#taken += 1;
    const entry = this.#script[request.number - 1];
    if (entry === undefined) throw this.#exhausted(request);
    const turn = typeof entry === "object" || typeof entry === "string" ? requireTurn(entry, "script") : await this.#called(entry, request);
    this.#compare(turn, request);
    return answerOf(turn, request.number, asked);
  }

  /** @throws NonRetryableError as the call did that parted from the script, AsimovError `script-unfinished` */
  assertDone(): void {
    if (this.#parted !== undefined) throw this.#parted;
    if (this.remaining === 0) return;
    const { length } = this.#script;
    throw new AsimovError(
      `The script has ${count(length, "turn")}, and ${count(this.#taken, "call")} came: turn ${this.#taken + 1} was not asked for.`,
      { code: "script-unfinished" },
    );
  }

  async #called(entry: Extract<Script<Request>[number], (request: Request) => unknown>, request: Request): Promise<ScriptedTurn<Request>> {
    try {
      return requireTurn(await entry(request), "the turn that the function returned");
    } catch (error) {
      throw this.#failed(request, error);
    }
  }

  #compare({ expect }: ScriptedTurn<Request>, request: Request): void {
    if (expect === undefined) return;
    const { text } = request.lastMessage;
    let expected: string | undefined;
    if (typeof expect === "string") expected = text.includes(expect) ? undefined : `a last message with ${JSON.stringify(expect)}`;
    // A sticky or global pattern would remember where it matched last.
    else if (expect instanceof RegExp) expected = text.search(expect) === -1 ? `a last message like ${expect}` : undefined;
    else {
      const verdict = this.#judged(expect, request);
      expected = verdict === true ? undefined : verdict === false ? "another request, by its function" : verdict;
    }
    if (expected === undefined) return;
    const message = `Call ${request.number} and the script part: turn ${request.number} of ${this.#script.length} expects ${expected}; got ${shown(request)}.`;
    throw this.#part("script-mismatch", message);
  }

  #judged(expect: (request: Request) => boolean | string, request: Request): boolean | string {
    try {
      return expect(request);
    } catch (error) {
      throw this.#failed(request, error);
    }
  }

  #failed({ number }: Request, error: unknown): NonRetryableError {
    return this.#part("script-failed", `Turn ${number} of the script failed: ${messageOf(error)}`, error);
  }

  #exhausted(request: Request): NonRetryableError {
    const has = count(this.#script.length, "turn");
    return this.#part(
      "script-exhausted",
      `The script has ${has}, and this is call ${request.number}; its last message is ${shown(request)}.`,
    );
  }

  /** Remembers the first, since whoever called may have swallowed it. */
  #part(code: string, message: string, cause?: unknown): NonRetryableError {
    const error = new NonRetryableError(message, { code, cause });
    this.#parted ??= error;
    return error;
  }
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

function shown({ lastMessage: { role, text } }: ScriptRequest): string {
  return `${role} ${JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)}`;
}
