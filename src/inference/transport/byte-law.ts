/** What the bytes of an answer must keep to: a size, a length of line, and UTF-8; told chunk by chunk, wherever those are cut. */
import { WireFault } from "#contract/chat/wire-fault";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Node's own check, many times as fast as ours, which browsers need and characters that are cut by a chunk's end. */
const isUtf8 = (
  globalThis as { process?: { getBuiltinModule?(id: string): { isUtf8(bytes: Uint8Array): boolean } | undefined } }
).process?.getBuiltinModule?.("node:buffer")?.isUtf8;

interface ByteLimits {
  maxBytes: number;
  /** Bytes between two ends of a line. */
  maxLineBytes: number;
}

export class ByteLaw {
  readonly #maxBytes: number;
  readonly #maxLineBytes: number;
  #bytes = 0;
  #lineBytes = 0;
  /** Bytes that a character still lacks, and what the next one must lie between. */
  #lacking = 0;
  #from = 0x80;
  #to = 0xbf;

  constructor({ maxBytes, maxLineBytes }: ByteLimits) {
    this.#maxBytes = maxBytes;
    this.#maxLineBytes = maxLineBytes;
  }

  /** @throws WireFault `hostile-response` */
  take(chunk: Uint8Array): void {
    const { length } = chunk;
    this.#bytes += length;
    if (this.#bytes > this.#maxBytes) throw tooLong(`the answer has more than ${this.#maxBytes} bytes`);
    if (this.#lacking === 0 && this.#lineBytes + length <= this.#maxLineBytes && isUtf8?.(chunk) === true) {
      const end = Math.max(chunk.lastIndexOf(LINE_FEED), chunk.lastIndexOf(CARRIAGE_RETURN));
      this.#lineBytes = end === -1 ? this.#lineBytes + length : length - end - 1;
      return;
    }
    let lineStart = -this.#lineBytes;
    let isWhole = this.#lacking === 0;
    for (let at = 0; at < length; at++) {
      const byte = chunk[at] as number;
      if (byte >= 0x80 || !isWhole) isWhole = this.#takeHigh(byte);
      else if (byte <= CARRIAGE_RETURN && (byte === LINE_FEED || byte === CARRIAGE_RETURN)) {
        if (at - lineStart > this.#maxLineBytes) break;
        lineStart = at + 1;
      }
    }
    this.#lineBytes = length - lineStart;
    if (this.#lineBytes > this.#maxLineBytes) throw tooLong(`a line has more than ${this.#maxLineBytes} bytes`);
  }

  /** @throws WireFault when the last character is not whole */
  end(): void {
    if (this.#lacking !== 0) throw notText("it ends within a character");
  }

  /** The table of well-formed byte sequences in the Unicode standard: no overlong forms, no surrogates, nothing past U+10FFFF. @returns whether a character ends here */
  #takeHigh(byte: number): boolean {
    if (this.#lacking !== 0) {
      if (byte < this.#from || byte > this.#to) throw notText("it holds bytes that are no UTF-8");
      this.#lacking--;
      this.#from = 0x80;
      this.#to = 0xbf;
      return this.#lacking === 0;
    }
    if (byte < 0xc2 || byte > 0xf4) throw notText("it holds bytes that are no UTF-8");
    this.#lacking = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte === 0xe0) this.#from = 0xa0;
    else if (byte === 0xed) this.#to = 0x9f;
    else if (byte === 0xf0) this.#from = 0x90;
    else if (byte === 0xf4) this.#to = 0x8f;
    return false;
  }
}

const tooLong = (detail: string): WireFault => new WireFault({ kind: "final", code: "hostile-response", detail, isOwnDetail: true });
const notText = (detail: string): WireFault => new WireFault({ kind: "retryable", code: "hostile-response", detail, isOwnDetail: true });
