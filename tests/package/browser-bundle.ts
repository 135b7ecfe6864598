/** What a browser's bundle holds of the package, and when. */
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { build, type Metafile, transform } from "esbuild";
import { describe, expect, it } from "vitest";
import { project } from "./installed.ts";

describe("package in a browser's bundle", () => {
  async function bundle(source: string): Promise<{ metafile: Metafile; text: string }> {
    const { outputFiles, metafile } = await build({
      stdin: { contents: source, resolveDir: project },
      bundle: true,
      format: "esm",
      platform: "browser",
      splitting: true,
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

  it.each(["asimov-agents", "asimov-agents/machines", "asimov-agents/actors", "asimov-agents/view"])(
    "%s holds no import of a built-in module",
    async (entry) => {
      const { metafile, text } = await bundle(`export * from "${entry}";`);
      expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual([]);
      expect(text).not.toMatch(/(?:from|import|import\(|require\()\s*["']node:/);
    },
  );

  it("is small where it only keeps the picture of a run, which it then does", async () => {
    const { metafile, text } = await bundle(`import { applyEvents } from "asimov-agents/view"; globalThis.applyEvents = applyEvents;`);
    const inputs = Object.keys(metafile.inputs).join("\n");
    expect(inputs).toContain("asimov-agents/dist/src/view.js");
    expect(inputs).not.toMatch(/node_modules\/(?!asimov-agents\/)|\/(?:runtime|machines|actors|cache)\//);
    const { code } = await transform(text, { minify: true });
    expect(gzipSync(code).byteLength).toBeLessThan(9_000);
    const began = { type: "run.started", runId: "r", agent: "a", version: "1", task: { type: "t", objective: "o" }, nodes: [] };
    const view: unknown = runInNewContext(
      `${code};applyEvents(undefined, [${JSON.stringify({ seq: 1, at: 2, taskId: "t", graph: [], ...began })}])`,
    );
    expect(view).toMatchObject({ taskId: "t", status: "RUNNING", startedAt: 2, nodes: {} });
  });

  it("loads the Lua engine later, and Redis never", async () => {
    const { metafile } = await bundle(`export * from "asimov-agents";`);
    const all = Object.keys(metafile.inputs).join("\n");
    const first = firstLoad(metafile).join("\n");
    expect(first).toContain("asimov-agents/dist/src/index.js");
    expect(first).not.toContain("engine-text");
    expect(all).toContain("engine-text");
    expect(all).not.toMatch(/ioredis|@statelyai/);
  });
});
