/** A second copy of the package in this process, as a bundle or a nested dependency makes one: other classes, the same dependencies. */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../support/program.ts";

/** Entry points whose exports hold classes. */
export interface Entries {
  core: typeof import("asimov-agents");
  testing: typeof import("asimov-agents/testing");
  redis: typeof import("asimov-agents/redis");
  anthropic: typeof import("asimov-agents/anthropic");
  bedrock: typeof import("asimov-agents/bedrock");
  openai: typeof import("asimov-agents/openai");
  vertex: typeof import("asimov-agents/vertex");
  genai: typeof import("asimov-agents/genai");
  aiSdk: typeof import("asimov-agents/ai-sdk");
}

export async function secondCopy(): Promise<Entries> {
  const folder = mkdtempSync(join(tmpdir(), "asimov-copy-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const contents = ["index", "testing", "redis", "anthropic", "bedrock", "openai", "vertex", "genai", "ai-sdk"]
    .map((entry) => `export * as ${entry === "index" ? "core" : entry === "ai-sdk" ? "aiSdk" : entry} from "./src/${entry}.ts";`)
    .join("\n");
  const outfile = join(folder, "copy.mjs");
  await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["asimov-source"],
    external: [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)],
    outfile,
    logLevel: "silent",
  });
  return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as Entries;
}
