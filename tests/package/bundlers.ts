/** The bundles that tools for servers make of the package, with nothing left outside, each run by Node away from `node_modules`. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { type BuildOptions, build as esbuild } from "esbuild";
import { rollup } from "rollup";
import { build as vite } from "vite";
import { describe, expect, it } from "vitest";
import webpack from "webpack";
import { run } from "./installed.ts";
import { AWAITING, EXPECTED, PRINTING, programIn } from "./program.ts";

/** Makes a bundle in `out`. @returns the file to run */
type Bundle = (entry: string, out: string) => Promise<string>;

const byEsbuild =
  (format: "esm" | "cjs", options: BuildOptions = {}): Bundle =>
  async (entry, out) => {
    const file = join(out, format === "esm" ? "main.mjs" : "main.cjs");
    await esbuild({ entryPoints: [entry], bundle: true, platform: "node", format, outfile: file, logLevel: "silent", ...options });
    return file;
  };

const byRollup =
  (isOneFile: boolean): Bundle =>
  async (entry, out) => {
    const bundle = await rollup({ input: entry, plugins: [nodeResolve()], onLog: () => {} });
    await bundle.write({
      format: "es",
      dir: out,
      entryFileNames: "main.mjs",
      chunkFileNames: "[name]-[hash].mjs",
      inlineDynamicImports: isOneFile,
    });
    await bundle.close();
    return join(out, "main.mjs");
  };

const byWebpack =
  (isModule: boolean): Bundle =>
  (entry, out) => {
    const filename = isModule ? "main.mjs" : "main.cjs";
    const compiler = webpack({
      entry,
      mode: "production",
      // Once with and once without its minifier, which takes most of the time.
      optimization: { minimize: !isModule },
      target: "node22",
      output: { path: out, filename, chunkFilename: isModule ? "[id].mjs" : "[id].cjs", module: isModule },
      experiments: { outputModule: isModule },
    });
    return new Promise((resolve, reject) => {
      compiler?.run((error, stats) => {
        if (error !== null || stats === undefined || stats.hasErrors()) reject(error ?? new Error(stats?.toString("errors-only")));
        else compiler.close(() => resolve(join(out, filename)));
      });
    });
  };

const byVite: Bundle = async (entry, out) => {
  await vite({
    configFile: false,
    root: join(entry, ".."),
    mode: "production",
    logLevel: "silent",
    ssr: { noExternal: true },
    build: { ssr: entry, outDir: out, rollupOptions: { output: { entryFileNames: "main.mjs" } } },
  });
  return join(out, "main.mjs");
};

/** What a bundle of the entry prints where no package can be found. */
async function printedBy(name: string, bundle: Bundle, entry: string): Promise<unknown> {
  const folder = await programIn(name.replace(/\W+/g, "-"), { "main.js": entry });
  const file = await bundle(join(folder, "main.js"), join(folder, "out"));
  const away = await mkdtemp(join(tmpdir(), "asimov-bundle-"));
  try {
    await cp(join(folder, "out"), away, { recursive: true });
    return JSON.parse(await run(process.execPath, [file.replace(join(folder, "out"), away)], away));
  } finally {
    await rm(away, { recursive: true, force: true });
  }
}

describe("bundles for servers", () => {
  it.each<[string, Bundle, string]>([
    ["esbuild, ESM", byEsbuild("esm"), AWAITING],
    ["esbuild, CJS", byEsbuild("cjs"), PRINTING],
    ["esbuild, of the files that Node loads", byEsbuild("esm", { conditions: ["node"] }), AWAITING],
    ["Rollup, one file", byRollup(true), PRINTING],
    ["Rollup, chunks", byRollup(false), AWAITING],
    ["webpack, ESM", byWebpack(true), AWAITING],
    ["webpack, CJS", byWebpack(false), PRINTING],
    ["Vite, SSR", byVite, AWAITING],
  ])("run conditions: %s", async (name, bundle, entry) => {
    expect(await printedBy(name, bundle, entry)).toEqual(EXPECTED);
  });

  it("say what to do where the entry waits for what Rollup puts behind it", async () => {
    const told = await printedBy("Rollup, one file, awaiting", byRollup(true), AWAITING);
    expect(told).toMatchObject({ code: "condition-engine", message: expect.stringMatching(/one file.*top level.*output\.dir/) });
  });
});
