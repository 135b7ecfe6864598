/** What users wrote, as it lies in a column: a mark of a text or of bytes, then it. */
import type { Sealed } from "#contract/store/run-record";

const [TEXT, BYTES] = [0x74, 0x62];

const tagged = (sealed: Sealed): Buffer =>
  typeof sealed === "string" ? Buffer.from(`t${sealed}`) : Buffer.concat([Buffer.from("b"), sealed]);

/** What has no such mark is given as a text, which bears no checksum then: whoever opens it refuses it as damaged. */
export function untagged(stored: Buffer): Sealed {
  if (stored[0] === BYTES) return Uint8Array.from(stored.subarray(1));
  return stored.toString("utf8", stored[0] === TEXT ? 1 : 0);
}

/** Where in them a value begins, from 1, and how many bytes it has. */
export type Piece = readonly [at: number, size: number];

/** Many values as one parameter, which goes over the line as it is. */
export class Pieces {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  add(sealed: Sealed): Piece {
    const piece = tagged(sealed);
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    return [this.#bytes - piece.length + 1, piece.length];
  }

  get value(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
