/** Streams of models beside the raw SDKs on a local server, which writes as fast as it is read; and memory while 100 MB stream. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS, RAW } from "../names.ts";

export const PROVIDERS = ["Anthropic", "OpenAI", "Google GenAI", "Bedrock"];
/** A model of its package for servers that speak as OpenAI does; beside it, its `streamText`. */
export const AI_SDK = "AI SDK";

export const streamBenchmark: Benchmark = {
  name: "stream",
  title: "A stream of 10,000 deltas from a local server, through the providers' SDKs",
  async run({ sampling }) {
    const figures: Figure[] = [];
    for (const provider of [...PROVIDERS, AI_SDK]) {
      const racers = (part: "whole" | "first") => [
        racer(OURS, "stream", provider, "ours", part),
        racer(RAW, "stream", provider, "raw", part),
      ];
      const whole = { group: "stream", shape: `${provider}, 10,000 deltas`, per: "delta", count: 10_000 };
      const first = { group: "stream", shape: `${provider}, first delta`, per: "stream", count: 1 };
      figures.push(...(await race(whole, racers("whole"), sampling)));
      figures.push(...(await race(first, racers("first"), sampling)));
    }
    return figures;
  },
};

export const streamMemoryBenchmark: Benchmark = {
  name: "streammemory",
  title: "Growth of memory while 100 MB stream, the text of the answer kept",
  async run({ quick }) {
    const megabytes: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) megabytes.push(await apart("streamGrowth", 100));
    return [{ group: "streammemory", shape: "100 MB", contender: OURS, unit: "MB", spread: spreadOf(megabytes) }];
  },
};
