/** The table of docs/models.md says of each client what the source does. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { AiSdkModel } from "#inference/ai-sdk/options";
import { factsOf } from "#inference/ai-sdk/providers";
import { capabilitiesOf } from "#inference/request/capabilities";
import { ROOT } from "../support/program.ts";

/** By its column, a provider and a model that a client of it is used for. */
const COLUMNS: Readonly<Record<string, readonly [provider: string, model: string]>> = {
  Anthropic: ["anthropic", "claude-sonnet-5-5"],
  Bedrock: ["aws.bedrock", "global.anthropic.claude-sonnet-4-6"],
  "OpenAI Responses": ["openai", "gpt-5.6"],
  "OpenAI Chat": ["openai-compatible", "some-model"],
  genai: ["gcp.gemini", "gemini-3-pro-preview"],
  vertexai: ["gcp.vertex_ai", "gemini-2.5-pro"],
};

const modelOf = (provider: string, specificationVersion: AiSdkModel["specificationVersion"] = "v4"): AiSdkModel => ({
  ...{ provider, specificationVersion, modelId: "some-model" },
  doGenerate: () => Promise.reject(new Error("never asked")),
  doStream: () => Promise.reject(new Error("never asked")),
});

/** By the name that the table has, what a package of the AI SDK calls it. */
const PROVIDERS: Readonly<Record<string, string>> = {
  Anthropic: "anthropic.messages",
  Bedrock: "amazon-bedrock",
  Google: "google.generative-ai",
  "OpenAI Responses": "openai.responses",
  "OpenAI Chat": "openai.chat",
  Azure: "azure.chat",
  Mistral: "mistral.chat",
  xAI: "xai.chat",
  Groq: "groq.chat",
};

describe("the table of clients", () => {
  /** Cells by row and column. */
  let rows: Map<string, Record<string, string>>;
  beforeAll(async () => {
    const text = await readFile(join(ROOT, "docs/models.md"), "utf8");
    const lines =
      text
        .slice(text.indexOf("\n| | Anthropic |") + 1)
        .split("\n\n")[0]
        ?.split("\n") ?? [];
    const [head = [], , ...body] = lines.map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    rows = new Map(body.map(([name = "", ...cells]) => [name, Object.fromEntries(cells.map((cell, at) => [head[at + 1], cell]))]));
  });
  const cell = (row: string, column: string): string => {
    const found = rows.get(row)?.[column];
    if (found === undefined) throw new Error(`no cell ${row} of ${column}`);
    return found;
  };

  it("has a column for each client of a provider, and no empty cell", () => {
    for (const cells of rows.values()) {
      expect(Object.keys(cells)).toEqual([...Object.keys(COLUMNS), "AI SDK"]);
      expect(Object.values(cells).filter((text) => text === "")).toEqual([]);
    }
    expect(rows.size).toBeGreaterThan(10);
  });

  it.each(Object.entries(COLUMNS))("says of %s what its capabilities are", (column, [provider, model]) => {
    const { structuredOutput, toolSubset, forcedToolChoice, sampling, files, cacheMarkers } = capabilitiesOf(provider, model);
    const says = (row: string, pattern: RegExp): boolean => pattern.test(cell(row, column));
    expect(says("structured output", /^native/)).toBe(structuredOutput !== false);
    expect(says("`toolChoice: { only }`", /^yes/)).toBe(toolSubset);
    expect(says("forced tool choice", /^yes/)).toBe(forcedToolChoice === true);
    expect(says("images, PDF", /^yes/)).toBe(files.includes("image") && files.includes("pdf"));
    expect(says("audio, video", /^yes|^as the server/)).toBe(files.includes("audio"));
    // Of these a server that nobody knows is asked otherwise than what stands there for OpenAI.
    if (provider === "openai-compatible") return;
    expect(says("temperature, topP", /^yes/)).toBe(sampling === true);
    expect(says("cache markers", /^4/)).toBe(cacheMarkers === 4);
  });

  describe("of the AI SDK", () => {
    const named = (text: string): string[] => text.split(";")[0]?.replace("in it: ", "").split(", ") ?? [];
    const holding = (what: (facts: ReturnType<typeof factsOf>) => boolean): string[] =>
      Object.keys(PROVIDERS).filter((name) => what(factsOf(modelOf(PROVIDERS[name] as string))));

    it("names whose packages take cache markers, and files in what tools give", () => {
      expect(named(cell("cache markers", "AI SDK"))).toEqual(holding(({ marker }) => marker !== undefined));
      expect(named(cell("files in what tools give", "AI SDK"))).toEqual(holding(({ nestsFiles }) => nestsFiles === true));
    });

    it("says what holds of all of its models", () => {
      expect(cell("`toolChoice: { only }`", "AI SDK")).toBe("the others are not told");
      expect(holding(({ capabilities }) => capabilities.toolSubset !== false)).toEqual([]);
      expect(cell("generate, stream, tools, thinking", "AI SDK")).toContain("thinking by models of version 4");
      for (const provider of Object.values(PROVIDERS)) {
        expect(factsOf(modelOf(provider, "v3")).capabilities.thinking).toEqual([]);
        expect(factsOf(modelOf(provider)).capabilities.thinking).not.toEqual([]);
      }
      const without = factsOf({ ...modelOf("local.chat"), supportsStructuredOutputs: false } as AiSdkModel);
      expect(cell("structured output", "AI SDK")).toContain("an instruction");
      expect(without.capabilities.structuredOutput).toBe(false);
    });
  });
});
