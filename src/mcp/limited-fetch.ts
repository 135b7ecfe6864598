/** A fetch whose answers hold no message that is larger than a limit: what a server says is kept in memory until it is whole. */

const NEW_LINE = 10;

/** Of a stream of events a message is a line, of everything else it is all. */
function counting(maxBytes: number, isStream: boolean, onTooLarge: (error: Error) => void): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  const isTooLarge = (chunk: Uint8Array): boolean => {
    let from = 0;
    for (let end = isStream ? chunk.indexOf(NEW_LINE) : -1; end !== -1; end = chunk.indexOf(NEW_LINE, from)) {
      if (bytes + end - from > maxBytes) return true;
      bytes = 0;
      from = end + 1;
    }
    bytes += chunk.length - from;
    return bytes > maxBytes;
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
