/** What the frames of an event stream must keep to: a size for each and for all, and UTF-8 in what they carry; told chunk by chunk. */

import type { Fault } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { ByteLaw } from "./byte-law.ts";

/** The SDK allocates a frame as long as it says to be, before its bytes are there. */
const MAX_FRAME_BYTES = 33_554_432;
/** Both lengths and the checksum over them. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

export class FrameLaw {
  readonly #maxBytes: number;
  #bytes = 0;
  /** Where in the frame the next byte stands. */
  #at = 0;
  #total = 0;
  #headers = 0;
  #payload: ByteLaw | undefined;

  /** @param maxBytes of all frames */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws WireFault `hostile-response` */
  take(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw hostile(`the answer has more than ${this.#maxBytes} bytes`);
    for (let from = 0; from < chunk.length; )
      from = this.#at < PRELUDE_BYTES ? this.#takePrelude(chunk, from) : this.#takeRest(chunk, from);
  }

  #takePrelude(chunk: Uint8Array, from: number): number {
    const byte = chunk[from] as number;
    if (this.#at < 4) this.#total = this.#total * 256 + byte;
    else if (this.#at < 8) this.#headers = this.#headers * 256 + byte;
    this.#at += 1;
    const { total, limit } = { total: this.#total, limit: Math.min(this.#maxBytes, MAX_FRAME_BYTES) };
    const isShort = this.#at >= 4 && total < PRELUDE_BYTES + CHECKSUM_BYTES;
    if (isShort || total > limit) throw hostile(`a frame that says to be ${total} bytes long, of at most ${limit}`);
    return from + 1;
  }

  #takeRest(chunk: Uint8Array, from: number): number {
    const payloadAt = PRELUDE_BYTES + this.#headers;
    const checksumAt = this.#total - CHECKSUM_BYTES;
    const isPayload = this.#at >= payloadAt && this.#at < checksumAt;
    const sectionEnd = this.#at < payloadAt ? Math.min(payloadAt, checksumAt) : isPayload ? checksumAt : this.#total;
    const to = Math.min(chunk.length, from + sectionEnd - this.#at);
    // Most payloads are ASCII, which needs no closer look.
    if (isPayload && (this.#payload !== undefined || !isAscii(chunk, from, to))) {
      this.#payload ??= new ByteLaw({ maxBytes: this.#total, maxLineBytes: this.#total });
      this.#payload.take(chunk.subarray(from, to));
    }
    this.#at += to - from;
    if (this.#at === this.#total) {
      this.#payload?.end();
      this.#payload = undefined;
      this.#at = 0;
      this.#total = 0;
      this.#headers = 0;
    }
    return to;
  }
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let all = 0;
  for (let at = from; at < to; at++) all |= bytes[at] as number;
  return all < 0x80;
}

const hostile = (detail: string): WireFault => new WireFault({ kind: "final", code: "hostile-response", detail, isOwnDetail: true });

/** What those who decode frames say of broken ones; `undefined` for all other words. */
export function frameFault(message: string): Fault | undefined {
  if (/^Truncated event message/.test(message)) return { kind: "retryable", code: "stream-truncated", detail: message };
  if (/\bchecksum\b.*did not match/i.test(message)) return { kind: "retryable", code: "network", detail: message };
  return undefined;
}
