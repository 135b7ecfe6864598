/** What tokens cost: a table by model, or a function; a model that is in neither has no known price, which is not 0. */
import type { Clock } from "#contract/base/services";
import { NO_USAGE, UNTOLD_USAGE, type Usage } from "#contract/chat/usage";
import type { ModelPrice, PriceTable, TokenPrice } from "./model-price.ts";
import { DEFAULT_PRICES, REGIONAL_PRICES } from "./price-table.ts";

export type Prices = PriceTable | ((provider: string, model: string) => ModelPrice | undefined);

/** The same model has other ids on other clouds. */
function plainModelId(model: string): string {
  return (model.split("/").at(-1) as string)
    .replace(/^(?:[a-z-]+\.)?(?:anthropic|amazon|meta|openai)\./, "")
    .replace(/[:@].*$/, "")
    .replace(/-v\d+$/, "")
    .replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, "");
}

type Lookup = (provider: string, model: string) => ModelPrice | undefined;

function priceOf(provider: string, model: string, table: PriceTable, clock: Clock): ModelPrice | undefined {
  const plain = plainModelId(model);
  const key = [`${provider}/${model}`, model, `${provider}/${plain}`, plain].find((name) => Object.hasOwn(table, name));
  return key === undefined ? undefined : priceToday(table[key] as ModelPrice, clock);
}

function priceToday(price: ModelPrice, clock: Clock): ModelPrice {
  return price.later !== undefined && clock.now() >= Date.parse(price.later.from) ? price.later : price;
}

/** Whose prices the table holds; a server of one's own costs what its owner says. */
const PRICED = /^(?:anthropic|openai|aws\.bedrock|gcp\..+)$/;

/** Claude on Bedrock also goes by Anthropic's client, under the ids that Bedrock has for it. */
const BEDROCK_CLAUDE = /^(?:arn:aws|(?:[a-z-]+\.)?anthropic\.)/;

/** Bedrock prices ids of a region, or of none, apart from those that start with `global.`. */
const isRegional = (provider: string, model: string): boolean =>
  (provider === "aws.bedrock" || (provider === "anthropic" && BEDROCK_CLAUDE.test(model))) && !/^(?:arn:.*\/)?global\./.test(model);

export function priceLookup(prices: Prices | undefined, clock: Clock): Lookup {
  if (typeof prices === "function") return prices;
  if (prices !== undefined) return (provider, model) => priceOf(provider, model, prices, clock);
  return (provider, model) => {
    if (!PRICED.test(provider)) return undefined;
    const regional = isRegional(provider, model) ? priceOf(provider, model, REGIONAL_PRICES, clock) : undefined;
    return regional ?? priceOf(provider, model, DEFAULT_PRICES, clock);
  };
}

/** Of a call that failed before its provider told what it used: nothing, as far as is known, at a price that may not be known. */
export const unusedAt = (price: ModelPrice | undefined): Usage => (price === undefined ? UNTOLD_USAGE : NO_USAGE);

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
