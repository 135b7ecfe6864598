/** What holding a tool's input against its JSON Schema takes, warm. */
import { type Benchmark, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { OURS } from "../names.ts";

const CHECKS = 1_000;
export const LARGE_SCHEMA = "input of a tool, by a JSON Schema of 10 kB";

export const checkBenchmark: Benchmark = {
  name: "checks",
  title: "Checking what a model gave a tool",
  run: ({ sampling }) =>
    race({ group: "checks", shape: LARGE_SCHEMA, per: "check", count: CHECKS }, [racer(OURS, "checks", CHECKS)], sampling),
};
