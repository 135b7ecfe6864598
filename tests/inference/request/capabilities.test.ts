/** One table says what each model can do; a client's own word overlays it. */
import { describe, expect, it } from "vitest";
import { type Capabilities, capabilitiesOf } from "#inference/request/capabilities";

const of = (provider: string, model: string): Capabilities => capabilitiesOf(provider, model);

describe("capabilities", () => {
  it.each([
    "claude-opus-5-5",
    "claude-fable-5-1",
    "claude-mythos-5-2",
    "claude-haiku-5-5-20261001",
    "claude-opus-5.5",
    "claude-newcomer-6",
    "claude-newcomer-10-1",
    "CLAUDE-OPUS-5-5",
  ])("keeps the strict rules for %s", (model) => {
    expect(of("anthropic", model)).toMatchObject({ forcedToolChoice: false, sampling: false, boundThinking: true });
    expect(of("anthropic", model).thinking).not.toContain("budget");
    expect(of("aws.bedrock", `global.anthropic.${model}-v1:0`)).toMatchObject({ forcedToolChoice: false, boundThinking: true });
    expect(of("openrouter", `anthropic/${model}`)).toMatchObject({ forcedToolChoice: false, sampling: false });
  });

  it.each([
    "claude-opus-5",
    "claude-opus-5-20260601",
    "claude-opus-5-0",
    "claude-sonnet-5@20260601",
    "claude-sonnet-4-20250514",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-8",
    "claude-3-5-sonnet-latest",
  ])("does not take %s for a newer one", (model) => {
    expect(of("anthropic", model)).toMatchObject({ forcedToolChoice: "without-thinking", boundThinking: false });
  });

  it.each<[string, string, Capabilities["thinking"]]>([
    ["anthropic", "claude-3-5-haiku-latest", []],
    ["anthropic", "claude-3-7-sonnet-latest", ["budget", "off"]],
    ["anthropic", "claude-sonnet-4-20250514", ["budget", "off"]],
    ["anthropic", "claude-haiku-4-5", ["budget", "off"]],
    ["anthropic", "claude-sonnet-4-6", ["effort", "budget", "off"]],
    ["anthropic", "claude-opus-4-7", ["effort", "off"]],
    ["anthropic", "claude-opus-5", ["by-default", "effort", "budget", "off"]],
    ["anthropic", "claude-sonnet-5", ["by-default", "effort", "off"]],
    ["anthropic", "claude-sonnet-5-5", ["by-default", "effort", "between-tools"]],
    ["anthropic", "claude-opus-5-5", ["by-default", "effort"]],
    ["anthropic", "claude-fable-5-2", ["by-default", "effort"]],
    ["anthropic", "claude-newcomer-6", ["by-default", "effort"]],
    ["anthropic", "claude-haiku-5-5-20261007", ["by-default", "effort", "off"]],
    ["aws.bedrock", "anthropic.claude-haiku-5-5", ["by-default", "effort", "off"]],
    ["aws.bedrock", "us.anthropic.claude-sonnet-5-5", ["by-default", "effort"]],
    ["aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", ["budget", "off"]],
    ["aws.bedrock", "amazon.nova-pro-v1:0", []],
    ["openai", "gpt-4.1", []],
    ["openai", "o4-mini", ["by-default", "effort"]],
    ["openai", "gpt-5-mini", ["by-default", "effort"]],
    ["openai", "gpt-5.2", ["by-default", "effort", "off"]],
    ["openai", "gpt-6-sol", ["by-default", "effort", "off"]],
    ["gcp.gemini", "gemini-2.0-flash", []],
    ["gcp.gemini", "gemini-2.5-flash", ["by-default", "effort", "budget", "off"]],
    ["gcp.vertex_ai", "gemini-2.5-pro", ["by-default", "effort", "budget", "least"]],
    ["gcp.vertex_ai", "gemini-3.1-pro-preview", ["by-default", "effort", "least"]],
    ["openai", "gpt-5-chat-latest", []],
    ["openai", "ft:gpt-4.1-mini:team::id", []],
    ["openai", "gpt-5.2-codex", ["by-default", "effort"]],
    ["openai", "newcomer-1", ["by-default", "effort"]],
    ["azure.ai.openai", "gpt-5.2", ["by-default", "effort", "off"]],
    ["azure.ai.openai", "gpt-4o", []],
    ["azure.ai.openai", "our-deployment", ["by-default", "effort"]],
    ["openrouter", "deepseek/deepseek-v4", ["effort", "budget", "off"]],
    ["openrouter", "anthropic/claude-opus-5.5", ["by-default", "effort"]],
    ["openai-compatible", "gpt-5.2", ["effort"]],
    ["ollama", "qwen3", ["effort"]],
  ])("knows how %s %s thinks", (provider, model, thinking) => {
    expect([...of(provider, model).thinking].sort()).toEqual([...thinking].sort());
  });

  it.each<[string, string, Capabilities["sampling"]]>([
    ["anthropic", "claude-sonnet-4-6", false],
    ["anthropic", "claude-3-5-haiku-latest", false],
    ["aws.bedrock", "anthropic.claude-sonnet-4-6", "without-thinking"],
    ["aws.bedrock", "anthropic.claude-opus-4-7", false],
    ["aws.bedrock", "anthropic.claude-sonnet-5", false],
    ["aws.bedrock", "amazon.nova-pro-v1:0", true],
    ["openai", "gpt-4.1", true],
    ["openai", "gpt-5-chat-latest", true],
    ["openai", "o3", false],
    ["openai", "gpt-5", false],
    ["openai", "gpt-6-luna", false],
    ["azure.ai.openai", "gpt-5", false],
    ["openrouter", "openai/gpt-5", true],
    ["gcp.gemini", "gemini-3.5-flash", true],
    ["vllm", "o3-lookalike", true],
  ])("knows whether %s %s takes a temperature", (provider, model, sampling) => {
    expect(of(provider, model).sampling).toBe(sampling);
  });

  it.each<[string, string, number]>([
    ["anthropic", "claude-sonnet-5-5", 4],
    ["aws.bedrock", "global.anthropic.claude-sonnet-5-5", 4],
    ["aws.bedrock", "anthropic.claude-3-7-sonnet-20250219-v1:0", 4],
    ["aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", 0],
    ["aws.bedrock", "meta.llama3-3-70b-instruct-v1:0", 0],
    ["openrouter", "anthropic/claude-sonnet-4.6", 4],
    ["openrouter", "deepseek/deepseek-v4", 0],
    ["openai", "gpt-5.6-sol", 4],
    ["openai", "gpt-6.1-terra", 4],
    ["openai", "gpt-5.5", 0],
    ["openai", "gpt-4o", 0],
    ["azure.ai.openai", "gpt-5.6", 0],
    ["gcp.gemini", "gemini-3.5-flash", 0],
    ["llama.cpp", "claude-like", 0],
  ])("knows how many cache markers %s %s takes", (provider, model, markers) => {
    expect(of(provider, model).cacheMarkers).toBe(markers);
  });

  it.each<[string, string, boolean]>([
    ["anthropic", "claude-opus-4-8", true],
    ["anthropic", "claude-sonnet-5", true],
    ["anthropic", "claude-sonnet-5-5", true],
    ["anthropic", "claude-opus-4-7", false],
    ["anthropic", "claude-haiku-4-5", false],
    ["aws.bedrock", "global.anthropic.claude-sonnet-5-5", false],
    ["openai", "gpt-5.5", true],
    ["gcp.gemini", "gemini-3.5-flash", false],
  ])("knows whether %s %s takes SYSTEM in the middle", (provider, model, isTaken) => {
    expect(of(provider, model).systemAnywhere).toBe(isTaken);
  });

  it("knows who holds answers to a schema", () => {
    expect(of("openai", "gpt-4o").structuredOutput).toBe(true);
    expect(of("openai", "gpt-4-turbo").structuredOutput).toBe(false);
    expect(of("anthropic", "claude-sonnet-4-5").structuredOutput).toBe(true);
    expect(of("anthropic", "claude-3-5-haiku-latest").structuredOutput).toBe(false);
    expect(of("gcp.gemini", "gemini-2.5-flash").structuredOutput).toBe("without-tools");
    expect(of("gcp.gemini", "gemini-3.5-flash").structuredOutput).toBe(true);
  });

  it("knows context windows, and leaves out those that it does not know", () => {
    expect(of("anthropic", "claude-haiku-4-5").contextWindow).toBe(200_000);
    expect(of("anthropic", "claude-sonnet-5-5").contextWindow).toBe(1_000_000);
    expect(of("openai", "gpt-5-mini").contextWindow).toBe(400_000);
    expect(of("openai", "gpt-5.4-mini").contextWindow).toBe(400_000);
    expect(of("openai", "gpt-5.5").contextWindow).toBe(1_050_000);
    expect(of("ollama", "qwen3")).not.toHaveProperty("contextWindow");
  });

  it("asks a server that nobody knows for all", () => {
    expect(of("openai-compatible", "anything")).toMatchObject({
      forcedToolChoice: true,
      noToolChoice: true,
      sampling: true,
      structuredOutput: true,
      files: ["image", "pdf", "text", "document", "audio", "video"],
      cacheMarkers: 0,
    });
  });

  it("is overlaid by the client's own word, of which undefined says nothing", () => {
    const known = capabilitiesOf("anthropic", "claude-sonnet-4-6", { sampling: true, contextWindow: 5 });
    expect(known).toEqual({ ...of("anthropic", "claude-sonnet-4-6"), sampling: true, contextWindow: 5 });
    const unset = { sampling: undefined } as unknown as Partial<Capabilities>;
    expect(capabilitiesOf("anthropic", "claude-sonnet-4-6", unset).sampling).toBe(false);
  });

  it("gives each caller an object of its own", () => {
    of("anthropic", "claude-sonnet-5-5").cacheMarkers = 9;
    expect(of("anthropic", "claude-sonnet-5-5").cacheMarkers).toBe(4);
  });
});
