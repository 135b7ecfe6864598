/** What users wrote, as it lies in a column: a mark of a text or of bytes, then it. */
import type { Sealed } from "#contract/store/run-record";

const [TEXT, BYTES] = [0x74, 0x62];

const tagged = (sealed: Sealed): Buffer =>
  typeof sealed === "string" ? Buffer.from(`t${sealed}`) : Buffer.concat([Buffer.from("b"), sealed]);

/** What has no such mark is given as bytes, which whoever opens it refuses. */
export function untagged(stored: Buffer): Sealed {
  if (stored[0] === TEXT) return stored.toString("utf8", 1);
  return Uint8Array.from(stored[0] === BYTES ? stored.subarray(1) : stored);
}

/** Many values as one parameter, which goes over the line as it is, and where in it each of them is. */
export class Blob {
  readonly at: (number | null)[] = [];
  readonly size: (number | null)[] = [];
  readonly #pieces: Buffer[] = [];
  bytes = 0;

  /** Null for undefined. */
  add(sealed: Sealed | undefined): void {
    if (sealed === undefined) {
      this.at.push(null);
      this.size.push(null);
      return;
    }
    const piece = tagged(sealed);
    this.at.push(this.bytes + 1);
    this.size.push(piece.length);
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  get value(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
