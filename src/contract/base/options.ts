/** Options are parsed once, by one schema; the message names the option, what was expected and what came. */
import * as z from "zod/mini";
import english from "zod/v4/locales/en.js";
import { AsimovError } from "./errors.ts";
import { faultsIn } from "./option-faults.ts";
import type { Clock } from "./services.ts";

/** What a schema says that has no words of its own: `zod/mini` has none, and a language that a user sets is for the user's schemas. */
export const { localeError: inEnglish } = english();

export const isFunction = (value: unknown): boolean => typeof value === "function";

/** A text that is not empty. */
export const nonEmpty = z.string().check(z.minLength(1));

/** It goes into a header, and is never shown; a break at its end, as of a file, is left out on the way. */
export const keyText = nonEmpty.check(z.refine((key) => /^[\t\x20-\x7e]*$/.test(key.trim()), "expected a key of ASCII characters"));

/** Of a file or folder: no system takes a name with a NUL, so that waiting for one would never end. */
export const pathText = nonEmpty.check(z.refine((text) => !text.includes("\0"), "expected a path without a NUL character"));

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What came in the place of an object. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** Any object that is no array, with all of its own keys; a record of zod drops one that is `__proto__`. */
export const anyObject = z.custom<Record<string, unknown>>(isObject, {
  error: ({ input }) => `expected an object, got ${kindOf(input)}`,
});

const hasNoProto = z.custom<Record<PropertyKey, unknown>>(
  (value) => typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__"),
  { message: 'expected no label named "__proto__"' },
);

/** By name. A label that would be dropped in silence is refused: a filter by it would find everything. */
export const labelsOf = (text: z.ZodMiniString) => z.pipe(hasNoProto, z.record(text, text));

/** @throws AsimovError `invalid-options`, with every fault */
export function parseOptions<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value, { error: inEnglish });
  if (parsed.success) return parsed.data;
  throw new AsimovError(`${what}: ${faultsIn(parsed.error.issues).join("; ")}.`, { code: "invalid-options" });
}

/** Signals of other realms are signals too. */
function isSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null | undefined;
  return typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function";
}

export const signalSchema = z.custom<AbortSignal>(isSignal, { message: "expected an AbortSignal" });

export const clockSchema = z.custom<Clock>((value) => typeof (value as Partial<Clock> | null)?.now === "function", {
  message: "expected a Clock",
});
