/** SHA-256 (FIPS 180-4) at once, for platforms that have it only as a promise. */

/** The first bits of the fractional parts of roots of the first primes: what the standard calls its constants. */
function rootsOf(count: number, root: number): Uint32Array {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false;
    if (isPrime) found.push(fractionOf(candidate ** (1 / root), candidate, root));
  }
  return Uint32Array.from(found);
}

/** A double has too few digits for some: the last bits are settled in whole numbers. */
function fractionOf(estimate: number, prime: number, root: number): number {
  let scaled = BigInt(Math.floor(estimate * 2 ** 32)) - 2n;
  const limit = BigInt(prime) << BigInt(32 * root);
  while ((scaled + 1n) ** BigInt(root) <= limit) scaled++;
  return Number(scaled & 0xffff_ffffn);
}

const encoder = new TextEncoder();
let rounds: Uint32Array | undefined;
let initial: Uint32Array | undefined;

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** @returns 64 digits of hexadecimal */
export function sha256(input: string | Uint8Array): string {
  rounds ??= rootsOf(64, 3);
  initial ??= rootsOf(8, 2);
  const bytes = typeof input === "string" ? encoder.encode(input) : input;
  const padded = new Uint8Array(((bytes.length + 72) >>> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const state = initial.slice();
  const words = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) {
    for (let t = 0; t < 16; t++) words[t] = view.getUint32(at + t * 4);
    mix(state, words, rounds);
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

function mix(state: Uint32Array, words: Uint32Array, constants: Uint32Array): void {
  for (let t = 16; t < 64; t++) {
    const a = words[t - 15] as number;
    const b = words[t - 2] as number;
    const small = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3);
    const large = turned(b, 17) ^ turned(b, 19) ^ (b >>> 10);
    words[t] = (words[t - 16] as number) + small + (words[t - 7] as number) + large;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + (constants[t] as number) + (words[t] as number)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] = (state[index] as number) + word;
}
