/** What is asked of one provider in its own words, beside what the library knows: put into the request last. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty } from "#contract/base/options";
import type { ProviderOptions } from "#contract/chat/provider-options";
import type { ExtraRequest, ModelRequest } from "#contract/chat/wire";

type Json = Record<string, unknown>;

/** What providers are called, beside what OpenTelemetry calls them. */
const NAMES: readonly (readonly [provider: RegExp, name: string])[] = [
  [/^(?:openai|azure\.ai\.openai|openai-compatible)$/, "openai"],
  [/^aws\.bedrock$/, "bedrock"],
  [/^gcp\./, "google"],
  [/^azure\.ai\.openai$/, "azure"],
  [/^mistral_ai$/, "mistral"],
  [/^x_ai$/, "xai"],
];

/** RFC 9110: a token. */
const isName = (name: string): boolean => /^[\w!#$%&'*+.^`|~-]+$/.test(name);
const headerText = z
  .string()
  .check(z.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "expected what a header can hold: no line breaks, nothing but Latin letters"));
const headers = z
  .record(nonEmpty, headerText)
  .check(z.refine((given) => Object.keys(given).every(isName), "expected names of headers: letters, digits and hyphens"));

export const providerOptionsSchema = lazily(() => z.record(nonEmpty, z.looseObject({ headers: z.optional(headers) })));

const namesOf = (provider: string): string[] => [...NAMES.filter(([known]) => known.test(provider)).map(([, name]) => name), provider];

/** Whether a provider is meant by a name. */
export const isCalled = (provider: string, name: string): boolean => namesOf(provider).includes(name);

/** Those of this provider, by all of its names. */
export function extraOf(options: ProviderOptions | undefined, provider: string): ExtraRequest | undefined {
  if (options === undefined) return undefined;
  const given = namesOf(provider).flatMap((name) => (Object.hasOwn(options, name) ? [options[name] as Json] : []));
  if (given.length === 0) return undefined;
  const { headers = {}, ...body } = given.reduce<Json>(merged, {});
  return { body, headers: headers as Record<string, string> };
}

/** A request's body as it is sent. */
export const withExtra = <B extends object>(body: B, { extra }: Pick<ModelRequest, "extra">): B =>
  extra === undefined ? body : (merged({ ...body } as Json, extra.body) as B);

/** Objects go into each other; anything else takes the place of what was there. */
export function merged(known: Json, more: Json): Json {
  const result = { ...known };
  for (const [key, value] of Object.entries(more)) {
    const there = result[key];
    result[key] = isObject(there) && isObject(value) ? merged(there, value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);
