/** What tokens cost: a table by model, or a function; a model that is in neither has no known price, which is not 0. */
import type { Usage } from "../contract/usage.ts";
import { DEFAULT_PRICES } from "./price-table.ts";

/** Dollars per million tokens. */
export interface TokenPrice {
  input: number;
  output: number;
  /** Default `input`. */
  cacheRead?: number;
  /** Default `input`. */
  cacheWrite?: number;
  /** Of writes that are kept for an hour or longer. Default `cacheWrite`. */
  cacheWriteLong?: number;
}

export interface ModelPrice extends TokenPrice {
  /** The price of a call whose input is longer than `above` tokens. */
  longContext?: TokenPrice & { above: number };
}

/** By the model's id as it is given, or without region, publisher, date and version: `claude-sonnet-5-5`, `gpt-5-mini`. */
export type PriceTable = Readonly<Record<string, ModelPrice>>;
export type Prices = PriceTable | ((provider: string, model: string) => ModelPrice | undefined);

/** The same model has other ids on other clouds. Its version stays: `claude-sonnet-5` is not `claude-sonnet-5-5`. */
export function plainModelId(model: string): string {
  return (model.split("/").at(-1) as string)
    .replace(/^(?:[a-z-]+\.)?(?:anthropic|amazon|meta|openai)\./, "")
    .replace(/[:@].*$/, "")
    .replace(/-v\d+$/, "")
    .replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, "");
}

/** Whose prices the table holds; a server of one's own costs what its owner says. */
const PRICED = /^(?:anthropic|openai|aws\.bedrock|gcp\.)/;

export function priceLookup(prices: Prices | undefined): (provider: string, model: string) => ModelPrice | undefined {
  if (typeof prices === "function") return prices;
  const find = (table: PriceTable, key: string): ModelPrice | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);
  return (provider, model) => {
    if (prices !== undefined) return find(prices, model) ?? find(prices, plainModelId(model));
    return PRICED.test(provider) ? find(DEFAULT_PRICES, plainModelId(model)) : undefined;
  };
}

/** Dollars. */
export function costOf(usage: Usage, price: ModelPrice): number {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteLongTokens = 0 } = usage;
  const { longContext } = price;
  const {
    input,
    output,
    cacheRead = input,
    cacheWrite = input,
    cacheWriteLong = cacheWrite,
  }: TokenPrice = longContext !== undefined && inputTokens > longContext.above ? longContext : price;
  const fresh = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens);
  const short = Math.max(0, cacheWriteTokens - cacheWriteLongTokens);
  const dollars =
    fresh * input + cacheReadTokens * cacheRead + short * cacheWrite + cacheWriteLongTokens * cacheWriteLong + outputTokens * output;
  return dollars / 1_000_000;
}
