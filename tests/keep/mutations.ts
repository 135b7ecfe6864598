/** Ways in which what was stored may come back as something else. */

export type Random = () => number;

export const drawn = (random: Random, below: number): number => Math.floor(random() * below);

export const pick = <T>(random: Random, all: readonly T[]): T => all[drawn(random, all.length)] as T;

/** One bit is another one. */
export function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const at = drawn(random, bytes.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << drawn(random, 8));
  return changed;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

function other(random: Random, value: Json): Json {
  const kinds: (() => Json)[] = [() => null, () => -1, () => "other", () => ({}), () => []];
  if (typeof value === "number")
    kinds.push(
      () => value + 1,
      () => value - 1,
      () => 0,
      () => value * 1_000_003,
    );
  if (typeof value === "string")
    kinds.push(
      () => `${value}x`,
      () => value.slice(1),
      () => "",
    );
  if (typeof value === "boolean") kinds.push(() => !value);
  return pick(random, kinds)();
}

/** JSON of another meaning: somewhere in it a value is another one, is gone, is there twice, or has changed places with its neighbour. */
export function otherJson(random: Random, value: Json): Json {
  if (typeof value !== "object" || value === null || random() < 0.05) return other(random, value);
  const keys = Object.keys(value);
  if (keys.length === 0) return Array.isArray(value) ? [null] : { other: 1 };
  const key = pick(random, keys);
  const entries = Object.entries(value);
  const at = keys.indexOf(key);
  const way = random();
  if (way < 0.8) entries[at] = [key, otherJson(random, entries[at]?.[1] as Json)];
  else if (way < 0.87) entries.splice(at, 1);
  else if (way < 0.94) entries.splice(at, 0, [`${key}x`, entries[at]?.[1] as Json]);
  else {
    const with_ = drawn(random, keys.length);
    const [a, b] = [entries[at]?.[1] as Json, entries[with_]?.[1] as Json];
    entries[at] = [key, b];
    entries[with_] = [keys[with_] as string, a];
  }
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

const encoder = new TextEncoder();

/** The text with something of it changed; JSON stays JSON as often as not. */
export function otherText(random: Random, text: string): string {
  const way = random();
  if (way < 0.4) {
    try {
      return JSON.stringify(otherJson(random, JSON.parse(text) as Json));
    } catch {}
  }
  if (way < 0.6) return text.slice(0, drawn(random, text.length));
  if (way < 0.7) {
    const at = drawn(random, text.length);
    return text.slice(0, at) + text.slice(Math.max(0, at - drawn(random, 20)));
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(flipped(random, encoder.encode(text)));
}
