/** A stream of Gemini's, read from the response that its SDK is waiting for: the SDKs part their events by one of three framings alone. */
import { WireFault } from "#contract/chat/wire-fault";
import { serverSentEvents } from "#inference/transport/server-sent-events";
import { faultOfBody, jsonIn } from "./faults.ts";

/** A fetch for one streamed call, whose SDK gets an answer with nothing in it. */
export class TakenStream {
  readonly #fetch: typeof globalThis.fetch;
  #response: Response | undefined;

  constructor(fetch: typeof globalThis.fetch) {
    this.#fetch = fetch;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await this.#fetch(input, init);
    this.#response = response;
    const { status, headers } = response;
    return new Response("", { status, headers });
  };

  /** The chunks as they came together; `undefined` where the SDK has not asked by this fetch, as a client that is none of its own. */
  get chunks(): AsyncIterable<unknown> | undefined {
    return this.#response === undefined ? undefined : serverSentEvents(this.#response, readMessage, throwError);
  }
}

function readMessage({ data }: { data: string }): unknown {
  if (data === "") return undefined;
  try {
    return JSON.parse(data);
  } catch {
    throw new WireFault({ kind: "retryable", code: "hostile-response", reason: "broken JSON" });
  }
}

/** The error that follows the last event without framing. @throws WireFault where the text is one */
function throwError(text: string): void {
  const body = jsonIn(text);
  const { error } = ((Array.isArray(body) ? body[0] : body) ?? {}) as { error?: unknown };
  if (error) throw new WireFault(faultOfBody(body));
}
