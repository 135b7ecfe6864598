/** Copies of values that are safe to show: secrets are masked, sizes are cut, whatever is odd becomes a visible mark. */
import * as z from "zod/mini";
import { lazily } from "./lazily.ts";
import { parseOptions } from "./options.ts";
import { type ErrorEntries, errorEntries, Redactor } from "./redactor.ts";

/** How much of a value is shown. What is cut leaves a mark that says how much it was. */
export interface RedactOptions {
  /** Levels of nesting, 1 to 64. Default 8. */
  maxDepth?: number;
  /** Entries of one array, object, Map or Set, the mark included; at least 2. Default 100. */
  maxEntries?: number;
  /** Characters of one string, the mark included; at least 64. Default 2,000. */
  maxStringLength?: number;
  /** Values in all; at least 1. Default 5,000. */
  maxValues?: number;
  /** Whether secrets are masked. Default true. */
  maskSecrets?: boolean;
}

const schema = lazily(() =>
  z.strictObject({
    maxDepth: z._default(z.int().check(z.gte(1), z.lte(64)), 8),
    maxEntries: z._default(z.int().check(z.gte(2)), 100),
    maxStringLength: z._default(z.int().check(z.gte(64)), 2_000),
    maxValues: z._default(z.int().check(z.gte(1)), 5_000),
    maskSecrets: z._default(z.boolean(), true),
  }),
);

/**
 * Parses the options once; the function it returns may be called for any number of values.
 *
 * @param entriesOf what is shown of an error
 * @throws AsimovError `invalid-options`
 */
export function redactor(options: RedactOptions = {}, entriesOf: ErrorEntries = errorEntries): (value: unknown) => unknown {
  const limits = parseOptions(schema(), options, "redact");
  return (value) => new Redactor(limits, entriesOf).value(value);
}

/**
 * A plain copy of any value that is safe to show: secrets are `"[redacted]"`, what is too deep, too wide or too long is cut with a mark.
 * Masked are values under keys such as `apiKey`, `token`, `password`, `cookie`, and texts such as bearer tokens, provider keys, JWTs and
 * passwords in URLs; numbers under `tokens` are counts, and stay. It never throws for any value, and takes time in proportion to what it keeps.
 *
 * @example
 * redact({ apiKey: "sk-12345678", usage: { tokens: 250 } }); // { apiKey: "[redacted]", usage: { tokens: 250 } }
 */
export function redact(value: unknown, options?: RedactOptions): unknown {
  return redactor(options)(value);
}
