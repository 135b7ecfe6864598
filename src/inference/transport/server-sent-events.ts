/** The events of a streamed answer as they came together: a promise for each of ten thousand would cost more than reading it. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { WireFault } from "#contract/chat/wire-fault";
import { FRAMES, mediaType } from "./media-type.ts";

/** What a reader makes of the message after which nothing counts. */
export class LastEvent {
  readonly event: object;

  constructor(event: object) {
    this.event = event;
  }
}

/** Characters from one event to the next: as many as one line may have. */
const MAX_EVENT_LENGTH = 33_554_432;
/** Lines in a row that are of no event: the parser makes an error of each, with all that this costs. */
const MAX_LOOSE_LINES = 10_000;

/** A parser that no server keeps busy, or fills, with what never becomes an event. @param onLoose gets each line that is of none */
function eventParser(onEvent: (message: EventSourceMessage) => void, onLoose?: (line: string) => unknown) {
  let length = 0;
  let looseLines = 0;
  const { feed, reset } = createParser({
    onEvent: (message) => {
      length = 0;
      looseLines = 0;
      onEvent(message);
    },
    onError: ({ line }) => {
      looseLines += 1;
      if (looseLines > MAX_LOOSE_LINES) throw hostile(`it has more than ${MAX_LOOSE_LINES} lines in a row that are of no event`);
      onLoose?.(line ?? "");
    },
  });
  return {
    /** @throws WireFault `hostile-response`, and what onEvent throws */
    feed: (text: string): void => {
      length += text.length;
      if (length > MAX_EVENT_LENGTH) throw hostile(`an event has more than ${MAX_EVENT_LENGTH} characters`);
      feed(text);
    },
    /** Reads what came without the end of its line. */
    end: (): void => reset({ consume: true }),
  };
}

const hostile = (detail: string): WireFault => new WireFault({ kind: "final", code: "hostile-response", detail, isOwnDetail: true });

/** The events of a streamed call, which promises of these SDKs hand out undecoded too. @param read as in serverSentEvents */
export async function eventsOf(
  call: PromiseLike<unknown>,
  read: (message: EventSourceMessage) => unknown,
): Promise<AsyncIterable<unknown>> {
  const { asResponse } = call as { asResponse?: () => Promise<Response> };
  if (typeof asResponse !== "function") return (await call) as AsyncIterable<unknown>;
  const response = await asResponse.call(call);
  const isBinary = mediaType(response.headers) === FRAMES;
  return isBinary ? ((await call) as AsyncIterable<unknown>) : serverSentEvents(response, read);
}

/** The error of an event that is named so, whatever a server puts into it. */
export function errorEvent(data: string): object {
  let told: unknown = data;
  try {
    told = JSON.parse(data);
  } catch {
    // Plain words.
  }
  if (typeof told !== "object" || told === null) return { type: "error", error: { message: String(told) } };
  return "error" in told ? { ...told, type: "error" } : { type: "error", error: told };
}

/**
 * Decodes what the SDKs hand out as it is; see WHATWG's server-sent events. An event that its end of stream cuts off is none, but where
 * `readRest` is given.
 *
 * @param read makes the provider's event of a message; `undefined` leaves it out, a LastEvent ends. What it throws comes after the events before it
 * @param readRest is given the lines after the last event, which are of none, when nothing more comes
 */
export async function* serverSentEvents(
  response: Response,
  read: (message: EventSourceMessage) => unknown,
  readRest?: (text: string) => void,
): AsyncGenerator<readonly unknown[], void, undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  let batch: unknown[] = [];
  let loose: string[] = [];
  let isOver = false;
  const parser = eventParser(
    (message) => {
      if (isOver) return;
      if (loose.length > 0) loose = [];
      const event = read(message);
      isOver = event instanceof LastEvent;
      if (event !== undefined) batch.push(event instanceof LastEvent ? event.event : event);
    },
    readRest === undefined ? undefined : (line) => loose.push(line),
  );
  try {
    while (!isOver) {
      const { done, value } = await reader.read();
      let failed: { error: unknown } | undefined;
      try {
        if (!done) parser.feed(decoder.decode(value, { stream: true }));
        else if (readRest !== undefined) parser.end();
      } catch (error) {
        failed = { error };
      }
      if (batch.length > 0) yield batch;
      batch = [];
      if (failed !== undefined) throw failed.error;
      if (!done) continue;
      readRest?.(loose.join("\n"));
      return;
    }
  } finally {
    // Not awaited: a body need not tell that it was let go of.
    reader.cancel().catch(() => {});
  }
}
