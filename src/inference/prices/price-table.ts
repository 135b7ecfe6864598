/** Prices as their makers list them, in dollars per million tokens; from provider pages and pydantic/genai-prices 0.1.8, read 2026-11-23. */
import type { ModelPrice, PriceTable, TokenPrice } from "./model-price.ts";

const gpt = (input: number, output: number, cacheRead = input): TokenPrice => ({ input, output, cacheRead });
/** Writes for five minutes cost a quarter more than input, for an hour twice as much. */
const claude = (input: number, output: number, cacheRead: number): TokenPrice => ({
  ...gpt(input, output, cacheRead),
  cacheWrite: input * 1.25,
  cacheWriteLong: input * 2,
});
/** OpenAI's larger models cost more for all of a call past this input; the newest also where the cache is written. */
const longGpt = (input: number, output: number, cacheRead: number, cacheWrite = input): ModelPrice => ({
  ...gpt(input, output, cacheRead),
  cacheWrite,
  longContext: { above: 272_000, ...gpt(input * 2, output * 1.5, cacheRead * 2), cacheWrite: cacheWrite * 2 },
});
const longGemini = (input: number, output: number, cacheRead: number): ModelPrice => ({
  ...gpt(input, output, cacheRead),
  longContext: { above: 200_000, ...gpt(input * 2, output * 1.5, cacheRead * 2) },
});
/** Google sells its newest for half until the end of 2026. */
const halfUntil2027 = (input: number, output: number, cacheRead: number): ModelPrice => ({
  ...gpt(input / 2, output / 2, cacheRead / 2),
  later: { from: "2027-01-01", ...gpt(input, output, cacheRead) },
});

/** Bedrock sells these in a region for more than it does globally. */
const DEARER_IN_REGIONS: PriceTable = {
  // Since 2026-11-09.
  "claude-fable-5-2": claude(8, 40, 0.2),
  "claude-fable-5-1": claude(10, 50, 0.25),
  "claude-fable-5": claude(10, 50, 1),
  "claude-mythos-5-1": claude(10, 50, 0.25),
  "claude-mythos-5": claude(10, 50, 1),
  "claude-opus-5-5": claude(4, 20, 0.2),
  "claude-opus-5": claude(5, 25, 0.5),
  "claude-opus-4-8": claude(5, 25, 0.5),
  "claude-opus-4-7": claude(5, 25, 0.5),
  "claude-opus-4-6": claude(5, 25, 0.5),
  "claude-opus-4-5": claude(5, 25, 0.5),
  // Both since 2026-10-07; before, reads of Sonnet's cache were twice as dear.
  "claude-sonnet-5-5": claude(2, 10, 0.1),
  "claude-haiku-5-5": { ...claude(0.1, 0.5, 0.01), longContext: { above: 100_000, ...claude(0.5, 2.5, 0.05) } },
  "claude-sonnet-5": claude(2, 10, 0.2),
  "claude-sonnet-4-6": claude(3, 15, 0.3),
  "claude-sonnet-4-5": { ...claude(3, 15, 0.3), longContext: { above: 200_000, ...claude(6, 22.5, 0.6) } },
  "claude-haiku-4-5": claude(1, 5, 0.1),
  "gpt-5.4": longGpt(2.5, 15, 0.25),
  "gpt-5.5": longGpt(5, 30, 0.5),
  "gpt-5.6-luna": longGpt(0.2, 1.2, 0.02, 0.25),
  "gpt-5.6-sol": longGpt(4, 20, 0.4, 5),
  "gpt-5.6-terra": longGpt(2, 12, 0.2, 2.5),
  "nova-2-lite": gpt(0.3, 2.5, 0.075),
};

export const DEFAULT_PRICES: PriceTable = {
  ...DEARER_IN_REGIONS,
  // The plain name is Anthropic's older one for 4.0.
  "claude-opus-4-1": claude(15, 75, 1.5),
  "claude-opus-4-0": claude(15, 75, 1.5),
  "claude-opus-4": claude(15, 75, 1.5),
  "claude-sonnet-4-0": claude(3, 15, 0.3),
  "claude-sonnet-4": claude(3, 15, 0.3),
  "claude-3-7-sonnet": claude(3, 15, 0.3),
  "claude-3-5-haiku": claude(0.8, 4, 0.08),
  "gpt-4.1": gpt(2, 8, 0.5),
  "gpt-4.1-mini": gpt(0.4, 1.6, 0.1),
  "gpt-4.1-nano": gpt(0.1, 0.4, 0.025),
  "gpt-4o": gpt(2.5, 10, 1.25),
  "gpt-4o-2024-05-13": gpt(5, 15),
  "gpt-4o-mini": gpt(0.15, 0.6, 0.075),
  "gpt-5": gpt(1.25, 10, 0.125),
  "gpt-5-mini": gpt(0.25, 2, 0.025),
  "gpt-5-nano": gpt(0.05, 0.4, 0.005),
  "gpt-5.1": gpt(1.25, 10, 0.125),
  "gpt-5.2": gpt(1.75, 14, 0.175),
  "gpt-5.4-mini": gpt(0.75, 4.5, 0.075),
  "gpt-5.4-nano": gpt(0.2, 1.25, 0.02),
  "gpt-6-astra": longGpt(10, 50, 1, 12.5),
  "gpt-6-luna": longGpt(0.1, 0.5, 0.01, 0.125),
  "gpt-6-sol": longGpt(2, 10, 0.2, 2.5),
  o3: gpt(2, 8, 0.5),
  "o3-mini": gpt(1.1, 4.4, 0.55),
  "o4-mini": gpt(1.1, 4.4, 0.275),
  "gemini-2.5-flash": gpt(0.3, 2.5, 0.03),
  "gemini-2.5-flash-lite": gpt(0.1, 0.4, 0.01),
  "gemini-2.5-pro": longGemini(1.25, 10, 0.125),
  "gemini-3-flash-preview": gpt(0.5, 3, 0.05),
  "gemini-3-pro-preview": longGemini(2, 12, 0.2),
  "gemini-3.1-flash-lite": gpt(0.25, 1.5, 0.025),
  "gemini-3.1-pro-preview": longGemini(2, 12, 0.2),
  "gemini-3.5-flash": gpt(1.5, 9, 0.15),
  "gemini-3.5-flash-lite": gpt(0.3, 2.5, 0.03),
  "gemini-3.6-flash": halfUntil2027(1.5, 7.5, 0.15),
  "gemini-3.7-flash": halfUntil2027(1.5, 7.5, 0.15),
  "gemini-3.8-flash": halfUntil2027(1.5, 7.5, 0.15),
  "nova-micro": gpt(0.035, 0.14, 0.00875),
  "nova-lite": gpt(0.06, 0.24, 0.015),
  "nova-pro": gpt(0.8, 3.2, 0.2),
  "nova-premier": gpt(2.5, 12.5, 0.625),
};

const PREMIUM = 1.1;
const regional = ({ input, output, cacheRead = input, cacheWrite = input, cacheWriteLong = cacheWrite }: TokenPrice): TokenPrice => ({
  input: input * PREMIUM,
  output: output * PREMIUM,
  cacheRead: cacheRead * PREMIUM,
  cacheWrite: cacheWrite * PREMIUM,
  cacheWriteLong: cacheWriteLong * PREMIUM,
});

/** On Bedrock, for ids that do not start with `global.`. */
export const REGIONAL_PRICES: PriceTable = Object.fromEntries(
  Object.entries(DEARER_IN_REGIONS).map(([model, { longContext, ...price }]) => [
    model,
    {
      ...regional(price),
      ...(longContext === undefined ? {} : { longContext: { above: longContext.above, ...regional(longContext) } }),
    },
  ]),
);
