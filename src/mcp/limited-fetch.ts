/** A fetch whose answers hold no message that is larger than a limit: what a server says is kept in memory until it is whole. */

const NEW_LINE = 10;

/** Of a stream of events a message is a line, of everything else it is all. */
function counting(maxBytes: number, isStream: boolean, onTooLarge: (error: Error) => void): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const lastLine = isStream ? chunk.lastIndexOf(NEW_LINE) : -1;
      bytes = lastLine === -1 ? bytes + chunk.length : chunk.length - lastLine - 1;
      if (bytes <= maxBytes) {
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
