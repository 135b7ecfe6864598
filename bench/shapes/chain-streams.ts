/** What a chain that is shown adds to each delta of the stream that it is made of: one answer, no tools. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { CHAIN_SHOWN, STREAMED } from "../names.ts";

const DELTAS = 10_000;
const SOURCES = ["each alone", "50 at once", "Anthropic"] as const;
const shapeOf = (source: (typeof SOURCES)[number]): string =>
  source === "Anthropic" ? "from a local server, by Anthropic's SDK" : `a scripted model's, ${source}`;
export const SHOWN = SOURCES.map(shapeOf);

export const chainStreamBenchmark: Benchmark = {
  name: "chainstream",
  title: "10,000 deltas of one answer: of a stream, and of a chain that is shown",
  async run({ sampling }) {
    const figures: Figure[] = [];
    for (const source of SOURCES) {
      const racers = [
        racer(CHAIN_SHOWN, "chainStream", source, "streamChain", DELTAS),
        racer(STREAMED, "chainStream", source, "stream", DELTAS),
      ];
      figures.push(...(await race({ group: "chainstream", shape: shapeOf(source), per: "delta", count: DELTAS }, racers, sampling)));
    }
    return figures;
  },
};
