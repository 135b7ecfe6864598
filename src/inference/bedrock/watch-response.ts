/** Watches the bytes of one call beneath the SDK: counts and bounds them, refuses what is no answer of this API, and can close the socket. */
import type { WireCall } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { ByteLaw } from "#inference/transport/byte-law";
import { FrameLaw } from "#inference/transport/frame-law";
import type { Law } from "#inference/transport/guarded-body";
import { FRAMES, JSON_TYPE, MAX_ERROR_BYTES, mediaType, VAGUE_TYPES } from "#inference/transport/media-type";
import { headersOf, toldFault } from "./errors.ts";

/** What both HTTP handlers of the SDK answer with. */
export interface HttpResponse {
  statusCode: number;
  headers: Record<string, string>;
  body?: unknown;
}

export interface Watch {
  isStreamed: boolean;
  /** Bytes of one answer. */
  maxBytes: number;
}

/** @returns what closes the socket. @throws WireFault for a redirect, and for an answer of another kind */
export async function watchResponse(response: HttpResponse, call: WireCall, { isStreamed, maxBytes }: Watch): Promise<() => void> {
  const { statusCode, body } = response;
  const headers = headersOf(response.headers);
  call.onByte();
  call.onHeaders(statusCode, headers);
  const close = (): void => (body as { destroy?: () => void } | undefined)?.destroy?.();
  if (!isChunked(body)) return close;
  const see = (law: Law, limit?: number) => seen(body, (chunk) => law.take(chunk), call.onByte, limit);

  if (statusCode >= 300) {
    const errorBody = webStream(see({ take: () => {} }, MAX_ERROR_BYTES));
    if (statusCode < 400) {
      close();
      throw hostile("it redirects, which is not followed: the signature would not hold there", statusCode);
    }
    response.body = errorBody;
    return close;
  }
  const type = mediaType(headers);
  const expected = isStreamed ? FRAMES : JSON_TYPE;
  if (type !== expected && !VAGUE_TYPES.has(type)) {
    const told = type === JSON_TYPE ? await textOf(see(new ByteLaw({ maxBytes, maxLineBytes: maxBytes }), MAX_ERROR_BYTES)) : "";
    close();
    const fault = toldFault(told, headers);
    throw fault === undefined ? hostile(`expected ${expected}, got ${shownType(type)}`) : new WireFault(fault);
  }
  // Event streams are iterated by the SDK, whole bodies collected from web streams.
  if (isStreamed) response.body = see(new FrameLaw(maxBytes));
  else response.body = webStream(see(new ByteLaw({ maxBytes, maxLineBytes: maxBytes })));
  return close;
}

const isChunked = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body;

/** @param cutAfter bytes after which the body counts as ended */
async function* seen(
  body: AsyncIterable<Uint8Array>,
  judge: (chunk: Uint8Array) => void,
  onByte: () => void,
  cutAfter = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  let left = cutAfter;
  for await (const chunk of body) {
    onByte();
    judge(chunk);
    left -= chunk.length;
    yield left < 0 ? chunk.subarray(0, left) : chunk;
    if (left <= 0) return;
  }
  // A session of HTTP/2 that breaks looks like an end to whoever iterates.
  if ((body as { readableAborted?: boolean }).readableAborted === true) {
    throw new WireFault({ kind: "retryable", code: "network", detail: "the connection broke", isOwnDetail: true });
  }
}

function webStream(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

const shownType = (type: string): string => (/^[\w.+-]{1,40}\/[\w.+-]{1,40}$/.test(type) ? type : "another content type");

const hostile = (detail: string, status?: number): WireFault =>
  new WireFault({ kind: "final", code: "hostile-response", detail, isOwnDetail: true, ...(status === undefined ? {} : { status }) });
