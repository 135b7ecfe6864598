/** Prices as their makers list them, in dollars per million tokens; from provider pages and pydantic/genai-prices 0.1.8, read 2026-11-23. */
import type { PriceTable } from "./prices.ts";

const claude = (input: number, output: number, cacheRead: number) => ({
  input,
  output,
  cacheRead,
  cacheWrite: input * 1.25,
  cacheWriteLong: input * 2,
});
const gpt = (input: number, output: number, cacheRead: number) => ({ input, output, cacheRead });
/** OpenAI's newer models: writes cost more, and so does everything past 272,000 tokens of input. */
const longGpt = (input: number, output: number, cacheRead: number, cacheWrite = input) => ({
  input,
  output,
  cacheRead,
  cacheWrite,
  longContext: { above: 272_000, input: input * 2, output: output * 1.5, cacheRead: cacheRead * 2, cacheWrite: cacheWrite * 2 },
});

export const DEFAULT_PRICES: PriceTable = {
  "claude-fable-5": claude(10, 50, 1),
  "claude-fable-5-1": claude(10, 50, 0.25),
  "claude-opus-5-5": claude(4, 20, 0.2),
  "claude-opus-5": claude(5, 25, 0.5),
  "claude-opus-4-8": claude(5, 25, 0.5),
  "claude-opus-4-7": claude(5, 25, 0.5),
  "claude-opus-4-5": claude(5, 25, 0.5),
  "claude-opus-4-1": claude(15, 75, 1.5),
  "claude-sonnet-5-5": claude(2, 10, 0.2),
  "claude-sonnet-5": claude(2, 10, 0.2),
  "claude-haiku-4-5": claude(1, 5, 0.1),
  "claude-3-5-haiku": claude(0.8, 4, 0.08),
  "gpt-4.1": gpt(2, 8, 0.5),
  "gpt-4.1-mini": gpt(0.4, 1.6, 0.1),
  "gpt-4.1-nano": gpt(0.1, 0.4, 0.025),
  "gpt-4o": gpt(2.5, 10, 1.25),
  "gpt-4o-mini": gpt(0.15, 0.6, 0.075),
  "gpt-5": gpt(1.25, 10, 0.125),
  "gpt-5-mini": gpt(0.25, 2, 0.025),
  "gpt-5-nano": gpt(0.05, 0.4, 0.005),
  "gpt-5.1": gpt(1.25, 10, 0.125),
  "gpt-5.2": gpt(1.75, 14, 0.175),
  "gpt-5.4": longGpt(2.5, 15, 0.25),
  "gpt-5.4-mini": gpt(0.75, 4.5, 0.075),
  "gpt-5.5": longGpt(5, 30, 0.5),
  "gpt-6-astra": longGpt(10, 50, 1, 12.5),
  "gpt-6-luna": longGpt(0.1, 0.5, 0.01, 0.125),
  "gpt-6-sol": longGpt(2, 10, 0.2, 2.5),
  o3: gpt(2, 8, 0.5),
  "o4-mini": gpt(1.1, 4.4, 0.275),
  "gemini-2.5-flash": gpt(0.3, 2.5, 0.03),
  "gemini-2.5-flash-lite": gpt(0.1, 0.4, 0.01),
  "gemini-2.5-pro": { ...gpt(1.25, 10, 0.125), longContext: { above: 200_000, ...gpt(2.5, 15, 0.25) } },
};
