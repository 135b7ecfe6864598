/** A chain of tools on a model without latency, beside the AI SDK; its turns from the first to the last. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { AI_SDK_STREAMED, AI_SDK_WHOLE, OURS } from "../names.ts";

const TURNS = 100;
const LONG = 1_000;
export const EARLY_TURNS = "turns 1 to 50 of 1,000";
export const LATE_TURNS = "turns 950 to 1,000 of 1,000";

export const chainBenchmark: Benchmark = {
  name: "toolchain",
  title: "A tool chain on a model without latency",
  async run({ sampling, quick }) {
    const raced = await race(
      { group: "toolchain", shape: `${TURNS} turns`, per: "turn", count: TURNS },
      [racer(OURS, "oursTools", TURNS), racer(AI_SDK_STREAMED, "aiSdkStreamed", TURNS), racer(AI_SDK_WHOLE, "aiSdkWhole", TURNS)],
      sampling,
    );
    // The last turn calls no tool, and tells no time.
    const windows = [
      [1, 50],
      [LONG - 50, LONG - 1],
    ] as const;
    const [early = [], late = []] = await apart(
      "toolWindows",
      LONG,
      windows,
      quick ? { warming: 2, rounds: 5 } : { warming: 5, rounds: 31 },
    );
    const figure = (shape: string, milliseconds: number[]): Figure => ({
      group: "toolchain",
      shape,
      contender: OURS,
      unit: "µs/turn",
      spread: spreadOf(milliseconds.map((ms) => ms * 1_000)),
    });
    return [...raced, figure(EARLY_TURNS, early), figure(LATE_TURNS, late)];
  },
};
