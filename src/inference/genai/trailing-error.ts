/** An error that a stream ends with outside of any event: the SDK tells of no more than a stream that was cut. */
import { WireFault } from "../../contract/wire-fault.ts";
import { faultOfBody, jsonIn } from "../gemini-faults.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Chunk = Awaited<ReturnType<Reader["read"]>>;

/** No error is longer. */
const MAX_TAIL_BYTES = 65_536;
const EVENT_END = /\n\n|\r\r|\r\n\r\n/;

/** A fetch whose answers, at their end, throw the error that follows their last event. */
export function tailReadingFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { body } = response;
    if (body === null) return response;
    const open = body.getReader.bind(body) as () => Reader;
    const getReader = (): Reader => {
      const reader = open();
      const read = reader.read.bind(reader);
      const keep = tailKeeper();
      Object.defineProperty(reader, "read", { value: () => read().then(keep) });
      return reader;
    };
    Object.defineProperty(body, "getReader", { value: getReader });
    return response;
  };
}

function tailKeeper(): (chunk: Chunk) => Chunk {
  let chunks: Uint8Array[] = [];
  let length = 0;
  return (chunk) => {
    if (chunk.done) {
      throwError(chunks);
      return chunk;
    }
    if (length > MAX_TAIL_BYTES) {
      chunks = chunks.slice(-1);
      length = chunks[0]?.length ?? 0;
    }
    chunks.push(chunk.value);
    length += chunk.value.length;
    return chunk;
  };
}

/** @throws WireFault where the tail is an error */
function throwError(chunks: readonly Uint8Array[]): void {
  const decoder = new TextDecoder();
  const text = `${chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("")}${decoder.decode()}`;
  const body = jsonIn(text.split(EVENT_END).findLast((piece) => piece.trim() !== "") ?? "");
  const { error } = ((Array.isArray(body) ? body[0] : body) ?? {}) as { error?: unknown };
  if (error) throw new WireFault(faultOfBody(body));
}
