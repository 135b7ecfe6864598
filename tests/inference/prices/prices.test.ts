/** What a call costs, by tables with negatives: a price that is not known is never 0, and no model is priced as another. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_USAGE, type Usage } from "#contract/chat/usage";
import type { ModelPrice } from "#inference/prices/model-price";
import { costOf, priceLookup } from "#inference/prices/prices";
import { ManualClock } from "../../support/manual-clock.ts";

const clock = new ManualClock();
const listed = priceLookup(undefined, clock);
const usage = (fields: Partial<Usage>): Usage => ({ ...NO_USAGE, ...fields });

describe("prices", () => {
  it.each<[string, string, number]>([
    ["anthropic", "claude-sonnet-5-5", 2],
    ["anthropic", "claude-opus-5-5", 4],
    ["anthropic", "claude-haiku-5-5", 0.1],
    ["anthropic", "claude-haiku-5-5-20261007", 0.1],
    ["anthropic", "claude-fable-5-2", 8],
    ["anthropic", "claude-mythos-5-1", 10],
    ["gcp.gemini", "gemini-3-pro-preview", 2],
    ["anthropic", "claude-opus-5", 5],
    ["anthropic", "claude-opus-5-20260601", 5],
    ["anthropic", "claude-haiku-4-5-20251001", 1],
    ["anthropic", "claude-haiku-4-5@20251001", 1],
    ["anthropic", "claude-3-5-haiku-latest", 0.8],
    ["anthropic", "claude-opus-4-20250514", 15],
    ["aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", 1],
    ["aws.bedrock", "amazon.nova-lite-v1:0", 0.06],
    ["aws.bedrock", "us.amazon.nova-lite-v1:0", 0.06],
    ["gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", 0.3],
    ["gcp.gemini", "models/gemini-2.5-flash", 0.3],
    ["openai", "gpt-5-mini-2025-08-07", 0.25],
    ["openai", "gpt-4o", 2.5],
    ["openai", "gpt-4o-2024-05-13", 5],
  ])("has a price for %s %s", (provider, model, input) => {
    expect(listed(provider, model)?.input).toBe(input);
  });

  it("prices a region of Bedrock above its global ids", () => {
    const region = listed("aws.bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0");
    expect(region?.input).toBeCloseTo(1.1, 10);
    expect(region?.output).toBeCloseTo(5.5, 10);
    expect(region?.cacheWriteLong).toBeCloseTo(2.2, 10);
    expect(listed("aws.bedrock", "anthropic.claude-sonnet-5-5")?.input).toBeCloseTo(2.2, 10);
  });

  it("knows ids of Bedrock also where Anthropic's client has them", () => {
    expect(listed("anthropic", "anthropic.claude-sonnet-5-5")?.input).toBeCloseTo(2.2, 10);
    expect(listed("anthropic", "eu.anthropic.claude-sonnet-5-5-20260928-v1:0")?.input).toBeCloseTo(2.2, 10);
    expect(listed("anthropic", "global.anthropic.claude-sonnet-5-5")?.input).toBe(2);
    expect(listed("anthropic", "claude-sonnet-5-5@20260928")?.input).toBe(2);
  });

  it("takes all of a long call's price from where it is long, cached input counted", () => {
    const price = listed("anthropic", "claude-haiku-5-5") as ModelPrice;
    const short = usage({ inputTokens: 100_000, cacheReadTokens: 90_000, outputTokens: 1_000_000 });
    expect(costOf(short, price)).toBeCloseTo(0.001 + 0.0009 + 0.5, 9);
    expect(costOf({ ...short, inputTokens: 100_001, cacheReadTokens: 90_001 }, price)).toBeCloseTo(0.005 + 0.00450005 + 2.5, 9);
  });

  it("takes an announced price from its day on, and not before", () => {
    const at = (moment: string) => new ManualClock(Date.parse(moment));
    const before = priceLookup(undefined, at("2026-12-31T23:59:59Z"));
    expect(before("gcp.gemini", "gemini-3.8-flash")).toMatchObject({ input: 0.75, output: 3.75, cacheRead: 0.075 });
    const then = at("2027-01-01T00:00:00Z");
    expect(priceLookup(undefined, then)("gcp.vertex_ai", "gemini-3.8-flash")).toMatchObject({ input: 1.5, output: 7.5, cacheRead: 0.15 });
    const own = priceLookup({ m: { input: 1, output: 1, later: { from: "2027-01-02", input: 2, output: 2 } } }, then);
    expect(own("mine", "m")?.input).toBe(1);
  });

  it.each([
    ["anthropic", "claude-sonnet-5-6"],
    ["anthropic", "claude-haiku-5-6"],
    ["gcp.gemini", "gemini-3.8-pro"],
    ["gcp.gemini", "gemini-3-pro-image"],
    ["anthropic", "claude"],
    ["openai", "gpt-5-mini-audio"],
    ["openai", "gpt-5.1-codex-mini"],
    ["openai", "gpt-4o-audio-preview"],
    ["openai", "gpt-5.5-pro"],
    ["openai", "toString"],
    ["openai", "__proto__"],
    ["ollama", "gpt-4o"],
    ["openai-compatible", "claude-sonnet-5-5"],
    ["aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"],
  ])("has none for %s %s", (provider, model) => {
    expect(listed(provider, model)).toBeUndefined();
  });

  it("finds the exact id before the plain one, and the provider's before everybody's", () => {
    const price = (input: number): ModelPrice => ({ input, output: 1 });
    const find = priceLookup({ "m-20260101": price(1), m: price(2), "vllm/m": price(3), "vllm/m-20260101": price(4) }, clock);
    expect(find("vllm", "m-20260101")?.input).toBe(4);
    expect(find("ollama", "m-20260101")?.input).toBe(1);
    expect(find("vllm", "m-20260202")?.input).toBe(3);
    expect(find("ollama", "m-20260202")?.input).toBe(2);
    expect(find("ollama", "m-2")).toBeUndefined();
  });

  it("does not price claude-sonnet-5-5 by claude-sonnet-5", () => {
    const find = priceLookup({ "claude-sonnet-5": { input: 1, output: 1 } }, clock);
    expect(find("anthropic", "claude-sonnet-5-20260301")?.input).toBe(1);
    expect(find("anthropic", "claude-sonnet-5-5")).toBeUndefined();
    expect(find("anthropic", "claude-sonnet-5-5-20260301")).toBeUndefined();
  });

  it("knows nothing besides a table of the user's own", () => {
    expect(priceLookup({}, clock)("anthropic", "claude-sonnet-5-5")).toBeUndefined();
  });

  it("asks a function with provider and model", () => {
    const known = (provider: string, model: string) => (provider === "mine" && model === "m" ? { input: 0, output: 0 } : undefined);
    const find = priceLookup(known, clock);
    expect(find("mine", "m")).toEqual({ input: 0, output: 0 });
    expect(find("mine", "n")).toBeUndefined();
  });
});

describe("cost", () => {
  const price: ModelPrice = { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5, cacheWriteLong: 4 };
  const M = 1_000_000;

  it.each<[string, Partial<Usage>, number]>([
    ["fresh input", { inputTokens: M }, 2],
    ["output, thoughts included", { outputTokens: M, reasoningTokens: 900_000 }, 10],
    ["input that was read from the cache", { inputTokens: M, cacheReadTokens: M }, 0.2],
    ["input that was written for five minutes", { inputTokens: M, cacheWriteTokens: M }, 2.5],
    ["input that was written for an hour", { inputTokens: M, cacheWriteTokens: M, cacheWriteLongTokens: M }, 4],
    [
      "all of it",
      { inputTokens: 4 * M, cacheReadTokens: M, cacheWriteTokens: 2 * M, cacheWriteLongTokens: M, outputTokens: M },
      2 + 0.2 + 2.5 + 4 + 10,
    ],
  ])("counts %s once, at its own price", (_what, fields, dollars) => {
    expect(costOf(usage(fields), price)).toBeCloseTo(dollars, 9);
  });

  it("takes the nearest price for what has none of its own", () => {
    const cached = usage({ inputTokens: 3 * M, cacheReadTokens: M, cacheWriteTokens: M, cacheWriteLongTokens: M });
    expect(costOf(cached, { input: 2, output: 10 })).toBeCloseTo(6, 9);
    expect(costOf(cached, { input: 2, output: 10, cacheWrite: 3 })).toBeCloseTo(7, 9);
  });

  it("takes the price of long contexts for the whole call, and only above their limit", () => {
    const long: ModelPrice = { ...price, longContext: { above: 200_000, input: 4, output: 20 } };
    expect(costOf(usage({ inputTokens: 200_000, outputTokens: M }), long)).toBeCloseTo(0.4 + 10, 9);
    expect(costOf(usage({ inputTokens: 200_001, outputTokens: M }), long)).toBeCloseTo(0.800004 + 20, 9);
  });

  it("is never below 0 nor lower for more tokens, whatever a provider counts", () => {
    const count = fc.nat(1_000_000);
    const counts = fc.record({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count });
    fc.assert(
      fc.property(counts, count, (used, more) => {
        const cost = costOf(used, price);
        expect(cost).toBeGreaterThanOrEqual(0);
        expect(costOf({ ...used, inputTokens: used.inputTokens + more }, price)).toBeGreaterThanOrEqual(cost);
        expect(costOf({ ...used, outputTokens: used.outputTokens + more }, price)).toBeGreaterThanOrEqual(cost);
      }),
    );
  });
});
