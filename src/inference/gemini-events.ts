/** A stream of Gemini's as both SDKs read it, whatever stands between its events: each event is one line of data. */
import { WireFault } from "../contract/wire-fault.ts";
import { faultOfBody, jsonIn } from "./gemini-faults.ts";
import { eventParser } from "./server-sent-events.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Chunk = Awaited<ReturnType<Reader["read"]>>;

/** Characters; no error is longer. */
const MAX_LOOSE_LENGTH = 65_536;

/** A fetch whose answers hold nothing but events, and throw at their end the error that follows the last one without framing. */
export function eventsFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { body } = response;
    if (body === null) return response;
    const open = body.getReader.bind(body) as () => Reader;
    Object.defineProperty(body, "getReader", { value: () => reframing(open()) });
    return response;
  };
}

function reframing(reader: Reader): Reader {
  const read = reader.read.bind(reader);
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const loose = new LooseLines();
  let events = "";
  const parser = eventParser(
    ({ data }) => {
      loose.clear();
      // Between JSON's words a break of the line is a space.
      events += `data: ${data.includes("\n") ? data.replaceAll("\n", " ") : data}\n\n`;
    },
    (line) => loose.add(line),
  );
  const next = async (): Promise<Chunk> => {
    for (;;) {
      const chunk = await read();
      if (chunk.done) {
        parser.end();
        loose.throwError();
        return chunk;
      }
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      if (events === "") continue;
      const value = encoder.encode(events);
      events = "";
      return { done: false, value };
    }
  };
  Object.defineProperty(reader, "read", { value: next });
  return reader;
}

/** The latest lines that are of no event. */
class LooseLines {
  #lines: string[] = [];
  #length = 0;

  add(line: string): void {
    if (this.#length > MAX_LOOSE_LENGTH) this.clear();
    this.#lines.push(line);
    this.#length += line.length;
  }

  clear(): void {
    if (this.#length === 0) return;
    this.#lines = [];
    this.#length = 0;
  }

  /** @throws WireFault where they are an error */
  throwError(): void {
    const body = jsonIn(this.#lines.join("\n"));
    const { error } = ((Array.isArray(body) ? body[0] : body) ?? {}) as { error?: unknown };
    if (error) throw new WireFault(faultOfBody(body));
  }
}
