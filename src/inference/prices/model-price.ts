/** What a model costs: a table says it by model, in dollars per million tokens. */

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
  /** A price that is announced: what a call costs from this day on, in UTC, such as `"2027-01-01"`. */
  later?: TokenPrice & { from: string };
}

/**
 * By model, or by `provider/model` for a price that only one provider has. The first of these that is there counts: the id as it is
 * given, then the id without region, publisher, date and version of the release. So `claude-sonnet-5-5` prices
 * `global.anthropic.claude-sonnet-5-5-20260801-v1:0`, and `claude-sonnet-5` prices no `claude-sonnet-5-5`.
 */
export type PriceTable = Readonly<Record<string, ModelPrice>>;
