/** What a chain that is shown adds to each delta of the stream that it is made of, and to an answer: one answer, no tools. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { CHAIN_SHOWN, STREAMED } from "../names.ts";

/** With so many deltas that what an answer costs once is none of theirs. */
const DELTAS = { "each alone": 10_000, "50 at once": 100_000, Anthropic: 10_000 } as const;
type Source = keyof typeof DELTAS;
const SOURCES = Object.keys(DELTAS) as Source[];
const shapeOf = (source: Source): string =>
  source === "Anthropic" ? "from a local server, by Anthropic's SDK" : `a scripted model's, ${source}`;
export const SHOWN = SOURCES.map(shapeOf);

export const chainStreamBenchmark: Benchmark = {
  name: "chainstream",
  title: "The deltas of one answer: of a stream, and of a chain that is shown",
  async run({ sampling }) {
    const racers = (source: Source, count: number) => [
      racer(CHAIN_SHOWN, "chainStream", source, "streamChain", count),
      racer(STREAMED, "chainStream", source, "stream", count),
    ];
    const figures: Figure[] = [];
    for (const source of SOURCES) {
      const count = DELTAS[source];
      figures.push(...(await race({ group: "chainstream", shape: shapeOf(source), per: "delta", count }, racers(source, count), sampling)));
    }
    const short = { group: "chainstream", shape: "a scripted model's answer of 50, at once", per: "answer", count: 1 };
    figures.push(...(await race(short, racers("50 at once", 50), sampling)));
    return figures;
  },
};
