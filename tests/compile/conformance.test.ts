/** Random charts, run through random events: the compiled machine shows the same as the one that XState interprets. */
import { describe, expect, it } from "vitest";
import { compileChart } from "#compile/compile";
import { Builder } from "./build-chart.ts";
import type { Case } from "./chart.ts";
import { randomCase } from "./random-chart.ts";
import { Recorder } from "./recorder.ts";
import { shrink } from "./shrink.ts";
import { compare, type Difference, reportOf, type Subject } from "./trace.ts";

/** `CHART_SEED` runs one chart alone, `CHARTS` so many. */
const ONE = process.env.CHART_SEED;
const COUNT = Number(process.env.CHARTS ?? 3_000);

/** In how many charts of a thousand something happens at least: about half of what is drawn. */
const SHARES: Record<string, number> = {
  restored: 150,
  unhandled: 120,
  "snapshot done": 80,
  "snapshot error": 150,
  "snapshot stopped": 60,
  "stopped a child": 200,
  "stopped nobody": 100,
  "step by an event": 300,
  "step by xstate.after": 15,
  "step by xstate.done.actor": 50,
  "step by xstate.done.state": 40,
  "step by xstate.error": 40,
  "step by xstate.route": 5,
  "step by xstate.snapshot": 100,
  "did (anonymous)": 250,
  "did unimplemented": 100,
  "did xstate.cancel": 150,
  "did xstate.emit": 100,
  "did xstate.log": 100,
  "did xstate.raise": 200,
  "did xstate.sendTo": 120,
  "did xstate.spawnChild": 250,
  "child threw at creation": 12,
  "child threw at start": 12,
  "child threw at transition": 6,
  ...Object.fromEntries(["action", "assign", "guard"].map((site) => [`threw in ${site}`, 10])),
  ...Object.fromEntries(["collect", "context", "delay", "event", "input", "params", "sent"].map((site) => [`threw in ${site}`, 3])),
  ...Object.fromEntries(["cancelled", "emitted", "guardParams", "logged", "output", "target"].map((site) => [`threw in ${site}`, 1])),
};

function subjectOf({ chart, ...rest }: Case, isCompiled: boolean): Subject {
  const builder = new Builder(new Recorder(), (machine) => {
    if (!isCompiled) return machine;
    const compiled = compileChart(machine);
    if (compiled.interpreted !== undefined) throw new Error(`A chart stays interpreted: ${compiled.interpreted}`);
    return compiled.machine;
  });
  const machine = builder.build(chart);
  return {
    ...rest,
    asked: [{ type: "a" }, { type: "a.y.z" }],
    build(recorder) {
      builder.recorder = recorder;
      return machine;
    },
    revive: (stored) => JSON.parse(stored, (key, value) => (key === "src" && builder.logics.get(value)) || value),
  };
}

const compareCase = (drawn: Case): ReturnType<typeof compare> => compare(subjectOf(drawn, false), subjectOf(drawn, true));

/** The smallest chart that differs in the same way, and how. */
function shownOf(seed: number, drawn: Case, { where }: Difference): string {
  const small = shrink(drawn, (smaller) => compareCase(smaller).difference?.where === where);
  const { difference } = compareCase(small);
  return `CHART_SEED=${seed}\n${JSON.stringify(small, undefined, 1)}\n${reportOf(difference as Difference)}`;
}

describe("a compiled machine", () => {
  it("does and shows the same as the interpreted one", { timeout: 60_000 + COUNT * 20 }, () => {
    const counts = new Map<string, number>();
    const seeds = ONE === undefined ? Array.from({ length: COUNT }, (_, index) => index + 1) : [Number(ONE)];
    for (const seed of seeds) {
      const drawn = randomCase(seed);
      const { difference, seen } = compareCase(drawn);
      if (difference !== undefined) expect.fail(shownOf(seed, drawn, difference));
      for (const what of seen) counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    if (ONE !== undefined || COUNT < 3_000) return;
    const rare = Object.entries(SHARES).filter(([what, share]) => ((counts.get(what) ?? 0) * 1_000) / COUNT < share);
    expect(rare).toEqual([]);
  });
});
