/** A fetch whose answers hold no message that is larger than a limit: what a server says is kept in memory until it is whole. */

const LF = 10;
const CR = 13;

/** Of a stream of events a message ends with an empty line, however many it has before; of everything else it is all. */
function counting(maxBytes: number, isStream: boolean, onTooLarge: (error: Error) => void): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  let isLineEmpty = true;
  let before = 0;
  const isTooLarge = (chunk: Uint8Array): boolean => {
    if (!isStream) {
      bytes += chunk.length;
      return bytes > maxBytes;
    }
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      bytes += 1;
      if (byte !== LF && byte !== CR) isLineEmpty = false;
      else if (byte === CR || before !== CR) {
        if (isLineEmpty) bytes = 0;
        isLineEmpty = true;
      }
      before = byte;
      if (bytes > maxBytes) return true;
    }
    return false;
  };
  return new TransformStream({
    transform(chunk, controller) {
      if (!isTooLarge(chunk)) {
        controller.enqueue(chunk);
        return;
      }
      const error = new Error(`a message is larger than ${maxBytes} bytes`);
      controller.error(error);
      onTooLarge(error);
    },
  });
}

/** @param onTooLarge told when an answer was cut off */
export function limitedFetch(
  maxBytes: number,
  onTooLarge: (error: Error) => void,
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null || response.type === "opaqueredirect") return response;
    const { status, statusText, headers } = response;
    const isStream = headers.get("content-type")?.includes("text/event-stream") === true;
    const body = response.body.pipeThrough(counting(maxBytes, isStream, onTooLarge));
    return new Response(body, { status, statusText, headers });
  };
}
