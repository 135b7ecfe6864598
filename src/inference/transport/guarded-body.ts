/** Puts a guard before the body of an answer, whichever way it is read. */
import { WireFault } from "#contract/chat/wire-fault";

/** What a body must keep to, told chunk by chunk. */
export interface Law {
  /** @throws WireFault for what breaks it */
  take(chunk: Uint8Array): void;
  /** @throws WireFault where it may not end */
  end?(): void;
}

interface BodyGuard {
  /** Once aborted, whoever reads gets its reason, and the socket is freed. */
  signal: AbortSignal;
  onByte(): void;
  /** Judges each chunk. */
  law?: Law;
  /** Bytes after which the body counts as ended: an error's status is worth more than the rest of its text. */
  cutAfter?: number;
}

type Chunk = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;
type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

const ENDED: Chunk = { done: true, value: undefined };

/**
 * The same response, whose body and readers are guarded. Methods are replaced on the response itself: a new one around a new
 * stream costs every chunk several times as much.
 */
export function guardBody(response: Response, guard: BodyGuard): Response {
  const { body } = response;
  if (body === null) return response;
  const { signal } = guard;
  const openReader = body.getReader.bind(body) as () => Reader;
  let reader: Reader | undefined;

  const free = (): void => {
    // A platform's own fetch has freed it by then; one that the user gave may not know of signals.
    // A reader that was let go of frees nothing.
    (reader !== undefined && body.locked ? reader : body).cancel(signal.reason).catch(() => {});
  };
  const getReader = (): Reader => {
    reader = openReader();
    Object.defineProperty(reader, "read", {
      configurable: true,
      value: guardedRead(reader, guard, () => signal.removeEventListener("abort", free)),
    });
    return reader;
  };
  const iterate = (): AsyncIterableIterator<Uint8Array> => chunksOf(getReader());
  const bytes = (): Promise<Uint8Array<ArrayBuffer>> => allOf(getReader());
  const text = async (): Promise<string> => new TextDecoder().decode(await bytes());
  Object.defineProperties(body, {
    // A wire may listen in.
    getReader: { configurable: true, value: getReader },
    values: { value: iterate },
    [Symbol.asyncIterator]: { value: iterate },
  });
  // Not every platform's own readers read through the stream's methods.
  Object.defineProperties(response, {
    body: { value: body },
    bytes: { value: bytes },
    text: { value: text },
    json: { value: async () => parse(await text(), response) },
    arrayBuffer: { value: async () => (await bytes()).buffer },
  });
  if (signal.aborted) free();
  else signal.addEventListener("abort", free, { once: true });
  return response;
}

function guardedRead(reader: Reader, { signal, onByte, law, cutAfter = Number.POSITIVE_INFINITY }: BodyGuard, atEnd: () => void) {
  const read = reader.read.bind(reader);
  let left = cutAfter;
  const stop = (why: unknown): void => {
    atEnd();
    reader.cancel(why).catch(() => {});
  };
  const judge = (chunk: Chunk): Chunk => {
    // Freed by an abort, a stream only seems to have ended.
    signal.throwIfAborted();
    if (chunk.done) {
      atEnd();
      law?.end?.();
      return chunk;
    }
    onByte();
    try {
      law?.take(chunk.value);
    } catch (fault) {
      stop(fault);
      throw fault;
    }
    left -= chunk.value.length;
    return left < 0 ? { done: false, value: chunk.value.slice(0, left) } : chunk;
  };
  return (): Promise<Chunk> => {
    if (left > 0) return read().then(judge);
    stop(undefined);
    return Promise.resolve(ENDED);
  };
}

function chunksOf(reader: Reader): AsyncIterableIterator<Uint8Array> {
  return {
    next: () => reader.read(),
    async return() {
      await reader.cancel();
      return ENDED;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function allOf(reader: Reader): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    chunks.push(chunk.value);
    length += chunk.value.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function parse(text: string, { ok, status }: Response): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message holds a piece of the text.
    const mayPass = ok || status === 408 || status === 429 || status >= 500;
    throw new WireFault({
      kind: mayPass ? "retryable" : "final",
      ...(ok ? { code: "hostile-response" } : { status }),
      detail: "its body is no valid JSON",
      isOwnDetail: true,
    });
  }
}
