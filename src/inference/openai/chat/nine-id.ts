/** Ids of tool calls as Mistral takes them: nine letters and digits; other providers' are longer. */

const NINE = /^[a-zA-Z0-9]{9}$/;
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The same id gives the same one at every turn, so that calls and results still meet. */
export function nineId(id: string): string {
  if (NINE.test(id)) return id;
  // FNV-1a, twice, since 32 bits are too few for nine places.
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let at = 0; at < id.length; at++) {
    low = Math.imul(low ^ id.charCodeAt(at), 0x01000193);
    high = Math.imul(high ^ id.charCodeAt(at), 0x85ebca6b);
  }
  let rest = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  let nine = "";
  for (let place = 0; place < 9; place++) {
    nine += LETTERS[Number(rest % 36n)];
    rest /= 36n;
  }
  return nine;
}
