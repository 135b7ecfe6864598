/** A snapshot before every node of a chain, in memory and on disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { IN_MEMORY, LANGGRAPH } from "../names.ts";

const ON_DISK = "FileStore";

export const snapshotBenchmark: Benchmark = {
  name: "snapshots",
  title: "Chain of no-op nodes with a snapshot before each",
  async run({ sampling, quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    const figures: Figure[] = [];
    try {
      for (const size of quick ? [100] : [100, 300, 1_000]) {
        const racers = [
          racer(IN_MEMORY, "oursSaving", size, { in: "memory" }),
          racer(ON_DISK, "oursSaving", size, { in: folder, fsync: true }),
          racer(`${ON_DISK}, no fsync`, "oursSaving", size, { in: folder, fsync: false }),
          ...(size > 300 ? [] : [racer(LANGGRAPH, "langgraphSaving", size)]),
        ];
        const about = { group: "snapshots", shape: `chain of ${size.toLocaleString("en")}`, per: "node", count: size };
        figures.push(...(await race(about, racers, sampling)));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
