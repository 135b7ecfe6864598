/** The package as users get it: packed, installed into an empty project without any optional peer, then used there. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type Metafile } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };

const root = fileURLToPath(new URL("../..", import.meta.url));
const entries = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => path.replace(".", manifest.name));
const optionalPeers = Object.keys(manifest.peerDependenciesMeta);

let workspace: string;
let project: string;

/** Runs a program to its end, and gives what it printed. Rejects with its output when it fails. */
async function run(file: string, args: string[], cwd: string): Promise<string> {
  // Settings that npm and vitest hand to their children would reach into the project of the user.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:npm_(?:package|lifecycle|config_local_prefix)|NODE_(?:OPTIONS|ENV|PATH)|VITEST)/.test(name),
    ),
  );
  const child = promisify(execFile)(file, args, { cwd, env: environment, maxBuffer: 10_000_000 });
  child.child.stdin?.end();
  try {
    return (await child).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Runs an ES module in the user's project; what it prints is JSON. */
async function runModule(name: string, source: string, flags: string[] = []): Promise<unknown> {
  await writeFile(join(project, `${name}.mjs`), source);
  return JSON.parse(await run(process.execPath, [...flags, `${name}.mjs`], project));
}

async function sizeOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

beforeAll(async () => {
  workspace = await realpath(await mkdtemp(join(tmpdir(), "asimov-package-")));
  // Packing builds: in a copy, so that it does not change what others read meanwhile.
  const copy = join(workspace, "copy");
  await mkdir(copy);
  const packed = ["package.json", "tsconfig.json", "tsconfig.build.json", ...manifest.files.filter((name) => name !== "dist")];
  await Promise.all(packed.map((name) => cp(join(root, name), join(copy, name), { recursive: true })));
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  await run("npm", ["pack", "--pack-destination", workspace], copy);
  const tarball = (await readdir(workspace)).find((name) => name.endsWith(".tgz")) as string;

  project = join(workspace, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  const xstate = `xstate@${manifest.devDependencies.xstate}`;
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", join(workspace, tarball), xstate], project);
}, 240_000);

afterAll(async () => {
  if (workspace !== undefined) await rm(workspace, { recursive: true, force: true });
});

describe("package in an empty project", () => {
  it("installs no optional peer, and little else", async () => {
    const folders = await readdir(join(project, "node_modules"));
    expect(folders).toEqual(expect.arrayContaining(["asimov-agents", "wasmoon", "xstate", "zod"]));
    for (const peer of optionalPeers) expect(folders).not.toContain(peer.split("/")[0]);
    expect(await sizeOf(join(project, "node_modules"))).toBeLessThan(15_000_000);
  });

  it("holds what it promises, and no tests", async () => {
    const files = await readdir(join(project, "node_modules", manifest.name), { recursive: true });
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    expect(files.filter((file) => /test|bench|\.tsbuildinfo/.test(file.replace(/(?:src|dist\/src)\/testing/, "")))).toEqual([]);
  });

  it.each(entries)("imports %s", async (entry) => {
    const names = await runModule("import", `console.log(JSON.stringify(Object.keys(await import("${entry}"))));`);
    expect(names).not.toEqual([]);
  });

  it("keeps what is inside to itself", async () => {
    const inside = `await import("asimov-agents/dist/src/index.js").catch((error) => console.log(JSON.stringify(error.code)));`;
    expect(await runModule("inside", inside)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("runs a graph", async () => {
    const outcome = await runModule(
      "graph",
      `import { Agent, defineModule, Node, Task } from "asimov-agents";
      const step = (name, work) => defineModule({ name, process: async (context) => ({ status: "success", result: await work(context) }) });
      const agent = new Agent({
        nodes: [
          new Node({ name: "plan", modules: [step("plan", ({ cache }) => cache.increment("planned", 2))] }),
          new Node({
            name: "write",
            dependencies: ["plan"],
            nodeConfig: { condition: "planned == 2 and task.params.ready" },
            modules: [step("write", ({ task }) => task.objective.length)],
          }),
        ],
      });
      const { status, results } = await agent.runTask(new Task({ type: "demo", objective: "four", params: { ready: true } }));
      console.log(JSON.stringify({ status, written: results.write.results[0].result }));`,
    );
    expect(outcome).toEqual({ status: "COMPLETE", written: 4 });
  });

  it("loads no client library, no Lua engine and no built-in module with the core", async () => {
    const loaded = (await runModule(
      "loaded",
      `import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({
        resolve(specifier, context, next) {
          const found = next(specifier, context);
          loaded.push({ url: found.url, from: context.parentURL });
          return found;
        },
      });
      await import("asimov-agents");
      console.log(JSON.stringify(loaded));`,
    )) as { url: string; from: string }[];
    const urls = loaded.map(({ url }) => url);
    expect(urls.some((url) => url.includes("/asimov-agents/dist/src/index.js"))).toBe(true);
    expect(urls.filter((url) => /\/(?:wasmoon|ioredis|@statelyai)\//.test(url))).toEqual([]);
    expect(loaded.filter(({ url, from }) => url.startsWith("node:") && from.includes("/asimov-agents/"))).toEqual([]);
  });

  it.each([
    ["Redis", "ioredis", `const { RedisCache } = await import("asimov-agents/redis"); await new RedisCache().get("key", null);`],
    ["the inspector", "@statelyai/inspect", `const { statelyInspector } = await import("asimov-agents/inspect"); statelyInspector();`],
  ])("says what to install when %s is asked for", async (_, peer, source) => {
    const error = await runModule(
      "missing",
      `try { ${source} console.log("null"); } catch ({ name, code, message }) { console.log(JSON.stringify({ name, code, message })); }`,
    );
    expect(error).toMatchObject({ name: "AsimovError", code: "missing-package", message: expect.stringContaining(`npm install ${peer}`) });
  });
});

describe("package types", () => {
  const consumer = `
import { Agent, defineModule, MemoryCache, Node, Task, type TaskOutcome, TaskStatus } from "asimov-agents";
import { agentMachine, nodeMachine, taskMachine } from "asimov-agents/machines";
import { safeInspector, statelyInspector } from "asimov-agents/inspect";
import { RedisCache } from "asimov-agents/redis";
${entries.map((entry, index) => `import * as entry${index} from "${entry}";`).join("\n")}
export const everything = [${entries.map((_, index) => `entry${index}`).join(", ")}, agentMachine, nodeMachine, taskMachine, RedisCache, MemoryCache];
const plan = defineModule({ name: "plan", process: async ({ cache }) => ({ status: "success", result: await cache.increment("n") }) });
const inspect = safeInspector((event) => event.type);
export const agent = new Agent({ nodes: [new Node({ name: "plan", modules: [plan] })], inspect });
export const other = new Agent({ inspect: statelyInspector().inspect });
export const outcome: TaskOutcome = await agent.runTask(new Task({ type: "demo", objective: "types" }));
export const complete: boolean = outcome.status === TaskStatus.COMPLETE;
// @ts-expect-error: an unknown option is refused
new Agent({ maxTasks: 1 });
`;

  it.each<[string, Record<string, string>]>([
    ["nodenext", { module: "nodenext" }],
    ["bundler", { module: "esnext", moduleResolution: "bundler" }],
  ])("check under %s, declarations included", async (name, options) => {
    const folder = join(project, name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "consumer.ts"), consumer);
    await cp(join(root, "tests/types/inference.test-d.ts"), join(folder, "inference.ts"));
    const compilerOptions = {
      ...options,
      strict: true,
      noEmit: true,
      target: "es2024",
      lib: ["es2024", "dom"],
      types: [],
      skipLibCheck: false,
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    expect(await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], project)).toBe("");
  });

  it("tell of everything what it is: no declaration says any", async () => {
    const folder = join(project, "node_modules", manifest.name, "dist");
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".d.ts"));
    expect(files.length).toBeGreaterThan(50);
    const vague = files.map(async (file) => {
      const code = (await readFile(join(folder, file), "utf8")).replace(/"(?:[^"\\\n]|\\.)*"|\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      return /\bany\b/.test(code) ? [file] : [];
    });
    expect((await Promise.all(vague)).flat()).toEqual([]);
  });
});

describe("package in a browser's bundle", () => {
  async function bundle(source: string): Promise<{ metafile: Metafile; text: string }> {
    const { outputFiles, metafile } = await build({
      stdin: { contents: source, resolveDir: project },
      bundle: true,
      format: "esm",
      platform: "browser",
      splitting: true,
      // wasmoon asks for these two in a branch that only Node takes; a browser's bundle leaves them out, as Vite does by itself.
      external: ["module", "url"],
      metafile: true,
      write: false,
      outdir: "out",
      absWorkingDir: project,
      logLevel: "silent",
    });
    return { metafile, text: outputFiles.map((file) => file.text).join("\n") };
  }

  /** The files that come with an entry before anything is asked for. */
  function firstLoad({ outputs }: Metafile): string[] {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { path: next, kind } of outputs[path]?.imports ?? []) if (kind === "import-statement") visit(next);
    };
    for (const [path, { entryPoint }] of Object.entries(outputs)) if (entryPoint === "<stdin>") visit(path);
    return [...seen].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
  }

  it.each(["asimov-agents", "asimov-agents/machines", "asimov-agents/actors"])("%s holds no import of a built-in module", async (entry) => {
    const { metafile, text } = await bundle(`export * from "${entry}";`);
    const left = Object.values(metafile.outputs).flatMap(({ imports, inputs }) =>
      imports
        .filter(({ external }) => external)
        .map(({ path }) => ({ path, from: Object.keys(inputs).filter((input) => !/wasmoon/.test(input)) })),
    );
    expect(left.filter(({ path, from }) => from.length > 0 || !["module", "url"].includes(path))).toEqual([]);
    expect(text).not.toMatch(/(?:from|import|import\(|require\()\s*["']node:/);
  });

  it("loads the Lua engine later, and Redis never", async () => {
    const { metafile } = await bundle(`export * from "asimov-agents";`);
    const all = Object.keys(metafile.inputs).join("\n");
    const first = firstLoad(metafile).join("\n");
    expect(first).toContain("asimov-agents/dist/src/index.js");
    expect(first).not.toContain("wasmoon");
    expect(all).toContain("wasmoon");
    expect(all).not.toMatch(/ioredis|@statelyai/);
  });
});
