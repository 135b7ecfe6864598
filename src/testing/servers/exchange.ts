/** One request to a local server and its answer, as the script gives it and no faster than the client reads. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { messageOf, NonRetryableError } from "#contract/base/errors";
import { type Answer, pacedSteps, untilAnswer } from "#testing/answer";
import type { ScriptedError } from "#testing/script";
import type { ScriptReader } from "#testing/script-reader";
import type { Json, ModelQuestion, WireFormat } from "./format.ts";
import type { ServedRequest } from "./served-request.ts";

export class Exchange {
  readonly #wire: WireFormat;
  readonly #response: ServerResponse;
  readonly #bytesPerWrite: number;
  readonly #gone = new AbortController();
  readonly #ended: Promise<"whole" | "cut">;
  #isAnswered = false;

  constructor(wire: WireFormat, response: ServerResponse, bytesPerWrite = Number.POSITIVE_INFINITY) {
    this.#wire = wire;
    this.#response = response;
    this.#bytesPerWrite = bytesPerWrite;
    this.#ended = new Promise((resolve) => {
      response.on("close", () => {
        this.#gone.abort();
        resolve(this.#isAnswered ? "whole" : "cut");
      });
    });
    response.on("finish", () => {
      this.#isAnswered = true;
    });
    // A client that leaves is no error.
    response.on("error", () => {});
  }

  async serve(incoming: IncomingMessage, reader: ScriptReader<ServedRequest>, requests: ServedRequest[]): Promise<void> {
    try {
      const body = await bodyOf(incoming);
      const path = incoming.url ?? "/";
      const question = incoming.method === "POST" && body !== undefined ? this.#wire.question(path, body) : undefined;
      if (body === undefined || question === undefined) {
        const message = `This server answers ${this.#wire.paths} with a body of JSON; got ${incoming.method} ${withoutKey(path)}.`;
        await this.#fail({ status: body === undefined ? 400 : 404, message }, 0);
        return;
      }
      const request = { number: reader.nextNumber, ...question, path: withoutKey(path), headers: shown(incoming.headers), body };
      const served: ServedRequest = { ...request, ended: this.#ended };
      requests.push(served);
      await this.#answer(await reader.next(served, JSON.stringify(body).length), question, body);
    } catch (error) {
      if (this.#gone.signal.aborted) return;
      const status = error instanceof NonRetryableError ? 400 : 500;
      // A client that left meanwhile need not be told.
      await this.#fail({ status, message: messageOf(error) }, requests.length).catch(() => {});
    }
  }

  async #answer(answer: Answer, { model, stream }: ModelQuestion, body: Json): Promise<void> {
    const { error, number, headers, isTruncated } = answer;
    await untilAnswer(answer, this.#gone.signal);
    if (error !== undefined && (error.after === undefined || !stream)) return this.#fail(error, number, headers);
    if (!stream) {
      const text = JSON.stringify(this.#wire.whole(answer, model));
      return isTruncated ? this.#breakOff(text) : this.#send(200, headers, text, number);
    }
    const own = { "content-type": this.#wire.streamType, "cache-control": "no-cache", ...this.#requestId(number) };
    this.#response.writeHead(200, { ...own, ...headers });
    const frames = this.#wire.stream(answer, model, body);
    for await (const step of pacedSteps(answer, this.#gone.signal)) {
      for (const frame of frames(step)) await this.#write(frame);
    }
    this.#response.end();
  }

  /** The first half of a whole answer; then the connection is gone. */
  #breakOff(text: string): void {
    this.#response.writeHead(200, { "content-type": "application/json", "content-length": String(new TextEncoder().encode(text).length) });
    this.#response.write(text.slice(0, text.length / 2), () => {
      this.#isAnswered = true;
      this.#response.destroy();
    });
  }

  async #fail(error: ScriptedError, number: number, told: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#response.headersSent) {
      this.#response.destroy();
      return;
    }
    const { status, headers, body } = this.#wire.error(error);
    await this.#send(status, { ...headers, ...told }, JSON.stringify(body), number);
  }

  async #send(status: number, headers: Record<string, string>, text: string, number: number): Promise<void> {
    this.#response.writeHead(status, { "content-type": "application/json", ...this.#requestId(number), ...headers });
    await this.#write(text);
    this.#response.end();
  }

  #requestId(number: number): Record<string, string> {
    const { requestIdHeader } = this.#wire;
    return requestIdHeader === undefined ? {} : { [requestIdHeader]: `req_scripted_${number}` };
  }

  /** No faster than it is read, so that leaving an answer early is leaving it. */
  async #write(frame: string | Uint8Array): Promise<void> {
    const size = this.#bytesPerWrite;
    const bytes = typeof frame === "string" && size < Number.POSITIVE_INFINITY ? new TextEncoder().encode(frame) : frame;
    for (let at = 0; at < bytes.length; at += size) {
      this.#gone.signal.throwIfAborted();
      const piece = bytes.length <= size ? bytes : bytes.slice(at, at + size);
      if (!this.#response.write(piece)) await this.#drained();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#gone;
      const leave = (): void => reject(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      this.#response.once("drain", () => {
        signal.removeEventListener("abort", leave);
        resolve();
      });
    });
  }
}

/** @returns `undefined` for what is no JSON object */
async function bodyOf(incoming: IncomingMessage): Promise<Json | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) text += decoder.decode(chunk, { stream: true });
  try {
    const body: unknown = JSON.parse(text + decoder.decode());
    return typeof body === "object" && body !== null ? (body as Json) : undefined;
  } catch {
    return undefined;
  }
}

const SECRET = /^(?:authorization|proxy-authorization|cookie|x-api-key|api-key|x-goog-api-key|x-amz-security-token)$/;
const HIDDEN = "(hidden)";

function shown(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined || name.startsWith(":")) return [];
      return [[name, SECRET.test(name) ? HIDDEN : String(value)]];
    }),
  );
}

const withoutKey = (path: string): string => path.replace(/([?&]key=)[^&]*/g, `$1${HIDDEN}`);
