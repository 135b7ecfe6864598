/** Five branches of six nodes each, uneven: how near a run comes to the slowest branch. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { LANGGRAPH, OURS } from "../names.ts";
import { branchesOf } from "./graph-shape.ts";

export const CRITICAL_PATH = "critical path";

const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);

export const branchesBenchmark: Benchmark = {
  name: "branches",
  title: "Five uneven branches of six nodes of 10 to 200 ms",
  async run({ sampling, quick }) {
    const figures: Figure[] = [];
    for (let draw = 1; draw <= (quick ? 1 : 3); draw++) {
      const racers = [racer(OURS, "oursBranches", draw), racer(LANGGRAPH, "langgraphBranches", draw)];
      const about = { group: "branches", shape: `draw ${draw}`, per: "run", count: 1 };
      const raced = await race(about, racers, sampling);
      const unit = raced[0]?.unit ?? "ms";
      const critical = Math.max(...branchesOf(draw).map(sum)) * (unit.startsWith("µs") ? 1_000 : 1);
      figures.push(...raced, {
        group: "branches",
        shape: about.shape,
        contender: CRITICAL_PATH,
        unit,
        spread: spreadOf([critical, critical, critical]),
      });
    }
    return figures;
  },
};
