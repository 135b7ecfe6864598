/** A stream of Gemini's as both SDKs read it, whatever stands between its events: each event is one line of data. */
import { WireFault } from "#contract/chat/wire-fault";
import { eventParser } from "#inference/transport/server-sent-events";
import { faultOfBody, jsonIn } from "./faults.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Chunk = Awaited<ReturnType<Reader["read"]>>;

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
  let events = "";
  /** The lines since the last event. */
  let loose: string[] = [];
  const parser = eventParser(
    ({ data }) => {
      if (loose.length > 0) loose = [];
      // Between JSON's words a break of the line is a space.
      events += `data: ${data.includes("\n") ? data.replaceAll("\n", " ") : data}\n\n`;
    },
    (line) => loose.push(line),
  );
  const next = async (): Promise<Chunk> => {
    for (;;) {
      const chunk = await read();
      if (chunk.done) {
        parser.end();
        throwError(loose.join("\n"));
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

/** @throws WireFault where the text is an error */
function throwError(text: string): void {
  const body = jsonIn(text);
  const { error } = ((Array.isArray(body) ? body[0] : body) ?? {}) as { error?: unknown };
  if (error) throw new WireFault(faultOfBody(body));
}
