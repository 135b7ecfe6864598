/** What users pay for the package as they get it, packed and installed: time and memory of its import, and bytes on the disk. */
import { type ExecFileOptions, execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { OURS } from "../contenders/ours.ts";
import type { Benchmark, Figure } from "../figure.ts";
import { spreadOf } from "../measure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Settings that npm hands to its children would reach into the other projects. */
function environment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => /^(?:npm_(?:package|lifecycle|config_local_prefix|config_prefix)|NODE_OPTIONS)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

async function run(command: string, args: string[], options: ExecFileOptions): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { env: environment(), ...options, encoding: "utf8" });
  return stdout;
}

/** Builds and packs a copy, since `dist` may be in use, and installs it beside its one peer that is no option. */
async function installedPackage(workspace: string): Promise<{ project: string; tarball: string }> {
  const copy = join(workspace, "copy");
  const project = join(workspace, "project");
  await mkdir(copy);
  await mkdir(project);
  const files = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    ...(await readdir(root)).filter((name) => manifest.files.includes(name)),
  ];
  for (const name of files.filter((name) => name !== "dist")) await cp(join(root, name), join(copy, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  await run("npm", ["pack", "--pack-destination", workspace], { cwd: copy });
  const packed = (await readdir(workspace)).find((name) => name.endsWith(".tgz"));
  if (packed === undefined) throw new Error("`npm pack` left no tarball.");
  const tarball = join(workspace, packed);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  const flags = ["--omit=optional", "--omit=peer", "--no-audit", "--no-fund", "--prefer-offline"];
  await run("npm", ["install", ...flags, tarball, `xstate@${manifest.devDependencies.xstate}`], { cwd: project });
  return { project, tarball };
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
}

interface Cost {
  importMs: number;
  rssMB: number;
}

/** In a process of its own. Memory is read right after the import: what a process uses later is not the import's. */
async function importCost(project: string, specifier: string | undefined): Promise<Cost> {
  const load = specifier === undefined ? "{}" : `await import(${JSON.stringify(specifier)})`;
  const script = `const at = performance.now(); const loaded = ${load}; const importMs = performance.now() - at;
if (${specifier !== undefined} && typeof loaded.Agent !== "function") throw new Error("no Agent");
console.log(JSON.stringify({ importMs, rssMB: process.memoryUsage.rss() / 1_000_000 }));`;
  return JSON.parse(await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: project })) as Cost;
}

export const packageBenchmark: Benchmark = {
  name: "package",
  title: "The package as users get it",
  async run({ quick }) {
    const workspace = await realpath(await mkdtemp(join(tmpdir(), "asimov-bench-package-")));
    try {
      const { project, tarball } = await installedPackage(workspace);
      const bare: Cost[] = [];
      const ours: Cost[] = [];
      // The first of each fills the disk's cache.
      for (let round = -1; round < (quick ? 3 : 15); round++) {
        const costs = [await importCost(project, undefined), await importCost(project, manifest.name)] as const;
        if (round < 0) continue;
        bare.push(costs[0]);
        ours.push(costs[1]);
      }
      const figure = (shape: string, unit: string, values: number[]): Figure => ({
        group: "package",
        shape,
        contender: OURS,
        unit,
        spread: spreadOf(values),
      });
      const bareMB = spreadOf(bare.map(({ rssMB }) => rssMB)).median;
      const MB = 1_000_000;
      return [
        figure(
          "import",
          "ms",
          ours.map(({ importMs }) => importMs),
        ),
        figure(
          "memory of the import, over bare node",
          "MB",
          ours.map(({ rssMB }) => rssMB - bareMB),
        ),
        figure("tarball", "MB", [(await stat(tarball)).size / MB]),
        figure("installed, with its dependencies and xstate", "MB", [(await bytesIn(join(project, "node_modules"))) / MB]),
      ];
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
  },
};
