/** What users pay for the package as they get it, packed and installed: cold starts beside the others, and bytes on the disk. */
import { mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, Figure } from "../figure.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";
import { bytesIn } from "../on-disk.ts";
import { coldFigures } from "./cold-start.ts";
import { installedPackage } from "./user-project.ts";

const MB = 1_000_000;

export const INSTALLED = "installed, with its dependencies and xstate";

const size = (shape: string, bytes: number): Figure => ({
  group: "package",
  shape,
  contender: OURS,
  unit: "MB",
  spread: spreadOf([bytes / MB]),
});

export const packageBenchmark: Benchmark = {
  name: "package",
  title: "The package as users get it",
  async run({ quick }) {
    const workspace = await realpath(await mkdtemp(join(tmpdir(), "asimov-bench-package-")));
    try {
      const { project, tarball } = await installedPackage(workspace);
      return [
        ...(await coldFigures(project, quick ? 3 : 15)),
        size("tarball", (await stat(tarball)).size),
        size(INSTALLED, bytesIn(join(project, "node_modules"))),
      ];
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
  },
};
