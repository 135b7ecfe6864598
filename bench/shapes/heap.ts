/** Bytes of heap for a node that waits. */
import type { Benchmark } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";

export const heapBenchmark: Benchmark = {
  name: "heap",
  title: "Heap of a node that waits, in a graph of 10,000",
  async run({ quick }) {
    const bytes = await apart("idleNodeBytes", quick ? 1 : 5);
    return [{ group: "heap", shape: "idle node", contender: OURS, unit: "bytes", spread: spreadOf(bytes) }];
  },
};
