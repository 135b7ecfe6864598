/** A user's project with the packed package in it: packed and installed once for all laws about the package. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { vi } from "vitest";
import manifest from "../../package.json" with { type: "json" };

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export { manifest };

// Compilers and bundlers share two cores with whatever else runs.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** Every entry point, as it is imported. */
export const ENTRIES = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => path.replace(".", manifest.name));

let workspace: string | undefined;
/** The user's project; there between `installPackage` and `removePackage`. */
export let project: string;

/** What npm and vitest hand to their children would reach into the project of the user. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(?:npm_(?:package|lifecycle|config_local_prefix)|NODE_(?:OPTIONS|ENV|PATH)|VITEST)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

/** Runs a program to its end, and gives what it printed. Rejects with its output when it fails. */
export async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const child = promisify(execFile)(file, args, { cwd, env: plainEnvironment(), maxBuffer: 10_000_000 });
  child.child.stdin?.end();
  try {
    return (await child).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Runs an ES module in the user's project; what it prints is JSON. */
export async function runModule(name: string, source: string, flags: string[] = []): Promise<unknown> {
  await writeFile(join(project, `${name}.mjs`), source);
  return JSON.parse(await run(process.execPath, [...flags, `${name}.mjs`], project));
}

/** Installs into a folder, from npm's cache where it can. */
export async function install(folder: string, ...packages: string[]): Promise<void> {
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], folder);
}

export async function installPackage(): Promise<void> {
  workspace = await realpath(await mkdtemp(join(tmpdir(), "asimov-package-")));
  // Packing builds: in a copy, so that it does not change what others read meanwhile.
  const copy = join(workspace, "copy");
  await mkdir(copy);
  const sources = manifest.files.filter((name) => name !== "dist" && !name.startsWith("!"));
  const packed = ["package.json", "tsconfig.json", "tsconfig.build.json", "build", ...sources];
  await Promise.all(packed.map((name) => cp(join(ROOT, name), join(copy, name), { recursive: true })));
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"), "junction");
  await run("npm", ["pack", "--pack-destination", workspace], copy);
  const tarball = (await readdir(workspace)).find((name) => name.endsWith(".tgz")) as string;

  project = join(workspace, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  await install(project, join(workspace, tarball), `xstate@${manifest.devDependencies.xstate}`);
}

export async function removePackage(): Promise<void> {
  if (workspace !== undefined) await rm(workspace, { recursive: true, force: true });
}
