/** How long something may be put off, or last: no option names a moment that a date or a store could not hold, or a time that a timer would not keep. */
import * as z from "zod/mini";
import { AsimovError } from "./errors.ts";
import { lazily } from "./lazily.ts";
import { LONGEST_STEP_MS } from "./long-timer.ts";

/** A hundred years, in milliseconds. Several of them from now on are still a moment that is a whole number, and a `Date`. */
const LONGEST_MS = 36_500 * 86_400_000;

const withIn = (most: number, words: string) =>
  z.lte(most, { message: `expected at most ${most.toLocaleString("en-US")} milliseconds (${words})` });
const hundredYears = () => withIn(LONGEST_MS, "100 years");

/** Milliseconds, fractions included. */
export const someMs = (least: number) => z.number().check(z.gte(least), hundredYears());

/** Whole milliseconds, for what is stored. */
export const wholeMs = (least: number) => z.int().check(z.gte(least), hundredYears());

/** Whole milliseconds that come again and again, each time by one timer. */
export const timerMs = (least: number) => z.int().check(z.gte(least), withIn(LONGEST_STEP_MS, "24.8 days"));

const anyMs = lazily(() => someMs(0));

/** @throws AsimovError `invalid-options` */
export function requireMs(what: string, ms: unknown): asserts ms is number {
  const { error } = anyMs().safeParse(ms);
  if (error === undefined) return;
  throw new AsimovError(`${what}: expected milliseconds, from 0 to ${LONGEST_MS.toLocaleString("en-US")} (100 years); got ${String(ms)}.`, {
    code: "invalid-options",
  });
}
