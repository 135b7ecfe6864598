/** The package in a browser under a strict policy, and in workerd: no file system, no compiler of text, no way to other hosts. */
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import { describe, expect, it } from "vitest";
import { withPage } from "../support/chromium.ts";
import { servePage } from "../support/page-server.ts";
import { plainEnvironment } from "./installed.ts";
import { EXPECTED, programIn } from "./program.ts";

/** Tells the server what the program reports, and each breach of the page's policy. */
const TELLING = `import { report } from "./program.js";
const breaches = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => breaches.push(violatedDirective + " " + blockedURI));
const tell = (told) => fetch("/told", { method: "POST", body: JSON.stringify({ ...told, breaches }) });
report().then(tell, (error) => tell({ error: String(error), cause: String(error.cause) }));
`;
const PAGE = '<!doctype html><meta charset="utf-8"><title>page</title><script type="module" src="./main.js"></script>\n';

async function toldByPage(folder: string): Promise<unknown> {
  const server = await servePage(folder);
  try {
    return await withPage(server.url, server.told);
  } finally {
    await server.close();
  }
}

describe("a page in Chromium under default-src 'self' and 'wasm-unsafe-eval'", () => {
  const expected = { ...EXPECTED, breaches: [] };

  it("runs conditions from a bundle of Vite for clients", async () => {
    const root = await programIn("vite-client", { "main.js": TELLING, "index.html": PAGE });
    await vite({ configFile: false, root, mode: "production", logLevel: "silent", build: { outDir: "out" } });
    expect(await toldByPage(join(root, "out"))).toEqual(expected);
  });

  it("runs conditions from a bundle of esbuild, split", async () => {
    const folder = await programIn("esbuild-page", { "main.js": TELLING });
    const outdir = join(folder, "out");
    await esbuild({
      entryPoints: [join(folder, "main.js")],
      bundle: true,
      format: "esm",
      platform: "browser",
      splitting: true,
      outdir,
      logLevel: "silent",
    });
    await writeFile(join(outdir, "index.html"), PAGE);
    expect(await toldByPage(outdir)).toEqual(expected);
  });
});

const { default: WORKERD } = createRequire(import.meta.url)("workerd") as { default: string };
const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "main.js"), (name = "lua.wasm", wasm = embed "lua.wasm")],
  compatibilityDate = "2026-11-01",
);
`;

const EMPTY_WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** What a Worker answers to a request; its folder holds `config.capnp`. */
async function answerOfWorker(folder: string): Promise<unknown> {
  const server = spawn(WORKERD, ["serve", "config.capnp", "--control-fd=3"], {
    cwd: folder,
    env: plainEnvironment(),
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  let complaints = "";
  server.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.stdio[3]?.on("data", (line: Buffer) => resolve((JSON.parse(line.toString()) as { port: number }).port));
      ended.then(() => reject(new Error(`workerd does not start:\n${complaints}`)), reject);
    });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    if (!response.ok) throw new Error(`the Worker answers ${response.status}:\n${await response.text()}\n${complaints}`);
    return await response.json();
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

describe("a Worker in workerd", () => {
  async function answerOfBundle(name: string, conditions: string[], main: string): Promise<unknown> {
    const folder = await programIn(name, { "main.js": `import { report } from "./program.js";\n${main}` });
    const outdir = join(folder, "out");
    await esbuild({
      entryPoints: [join(folder, "main.js")],
      bundle: true,
      format: "esm",
      conditions,
      loader: { ".wasm": "copy" },
      assetNames: "[name]",
      outdir,
      logLevel: "silent",
    });
    // Empty where the bundle holds none.
    await writeFile(join(outdir, "lua.wasm"), EMPTY_WASM, { flag: "wx" }).catch(() => undefined);
    await writeFile(join(outdir, "config.capnp"), CONFIG);
    return answerOfWorker(outdir);
  }

  it("makes a Task at the scope of its module, and runs conditions with the engine as a module of the Worker", async () => {
    const main = "export default { async fetch() { return Response.json(await report()); } };";
    // As wrangler bundles: these conditions, and WebAssembly left beside the code.
    expect(await answerOfBundle("worker", ["workerd", "worker", "browser"], main)).toEqual(EXPECTED);
  });

  it("is told which condition its bundle needs", async () => {
    const main = "export default { fetch: () => report().catch(({ code, message }) => ({ code, message })).then(Response.json) };";
    expect(await answerOfBundle("worker-without", ["worker", "browser"], main)).toMatchObject({
      code: "condition-engine",
      message: expect.stringContaining("condition `workerd`"),
    });
  });
});
