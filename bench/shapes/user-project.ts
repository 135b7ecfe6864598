/** A user's project with the package as it is published, and children that know nothing of this project's npm. */
import { type ExecFileOptions, execFile } from "node:child_process";
import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import manifest from "../../package.json" with { type: "json" };

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Settings that npm hands to its children would reach into the other projects. */
function environment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => /^(?:npm_(?:package|lifecycle|config_local_prefix|config_prefix)|NODE_OPTIONS)/.test(name);
  const own = Object.entries(process.env).filter(([name]) => !isForeign(name));
  return { ...Object.fromEntries(own), MASTRA_TELEMETRY_DISABLED: "1" };
}

export async function run(command: string, args: string[], options: ExecFileOptions): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { env: environment(), ...options, encoding: "utf8" });
  return stdout;
}

/** Builds and packs a copy, since `dist` may be in use, and installs it beside its one peer that is no option. */
export async function installedPackage(workspace: string): Promise<{ project: string; tarball: string }> {
  const copy = join(workspace, "copy");
  const project = join(workspace, "project");
  await mkdir(copy);
  await mkdir(project);
  const files = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "build",
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
