/** What calls of a model cost, in tokens and dollars; a sum is known only as far as each of its parts is. */

export interface Usage {
  /** All tokens that went in, cached ones included. */
  inputTokens: number;
  /** All tokens that came out, reasoning included. */
  outputTokens: number;
  /** Of the input: read from the provider's cache. */
  cacheReadTokens: number;
  /** Of the input: written to the provider's cache. */
  cacheWriteTokens: number;
  /** Of the cache writes: those that are kept for an hour or longer, which cost more. */
  cacheWriteLongTokens?: number;
  /** Of the output; absent where the provider does not tell. */
  reasoningTokens?: number;
  /** Dollars; absent where the price of a model is not known. */
  cost?: number;
}

/** Of no call at all. */
export const NO_USAGE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 });

/** Of a call that nothing is known of, its price neither. */
export const UNTOLD_USAGE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 });

export function addUsage(a: Usage, b: Usage): Usage {
  const reasoning = a.reasoningTokens === undefined && b.reasoningTokens === undefined ? undefined : 0;
  const long = (a.cacheWriteLongTokens ?? 0) + (b.cacheWriteLongTokens ?? 0);
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    ...(long === 0 ? {} : { cacheWriteLongTokens: long }),
    ...(reasoning === undefined ? {} : { reasoningTokens: (a.reasoningTokens ?? 0) + (b.reasoningTokens ?? 0) }),
    ...(a.cost === undefined || b.cost === undefined ? {} : { cost: a.cost + b.cost }),
  };
}

/** A node by the path of nodes whose nested graphs it is in; its names are escaped, since they may hold a slash. */
export const pathKey = (path: readonly string[]): string => path.map(encodeURIComponent).join("/");

/** Of many; that of no call where there are none. */
export const sumUsage = (all: readonly Usage[]): Usage => all.reduce(addUsage, NO_USAGE);

export const totalTokens = ({ inputTokens, outputTokens }: Usage): number => inputTokens + outputTokens;
