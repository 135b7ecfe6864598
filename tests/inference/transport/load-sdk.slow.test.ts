/** An SDK comes at the first call of its client: not with the entry, not with the client, and not with another provider's. */
import { describe, expect, it } from "vitest";
import { run } from "../../support/program.ts";

const CLIENTS: { entry: string; sdk: string; create: string }[] = [
  { entry: "anthropic", sdk: "@anthropic-ai/sdk", create: `AnthropicInferenceClient({ model: "m", apiKey: "k", baseURL })` },
  {
    entry: "bedrock",
    sdk: "@aws-sdk/client-bedrock-runtime",
    create: `BedrockInferenceClient({ model: "m", region: "r", endpoint: baseURL, credentials: { accessKeyId: "a", secretAccessKey: "s" } })`,
  },
  { entry: "openai", sdk: "openai", create: `OpenAIInferenceClient({ model: "m", apiKey: "k", baseURL })` },
  { entry: "vertex", sdk: "@google-cloud/vertexai", create: `VertexInferenceClient({ model: "m", project: "p", location: "l", ...once })` },
  { entry: "genai", sdk: "@google/genai", create: `GoogleGenAIInferenceClient({ model: "m", apiKey: "k", baseURL })` },
];

describe.each(CLIENTS)("the SDK of asimov-agents/$entry", ({ entry, sdk, create }) => {
  it("is loaded at the first call, and alone", async () => {
    const program = `
      import { registerHooks } from "node:module";
      const loaded = new Set();
      registerHooks({
        resolve(specifier, context, next) {
          if (${JSON.stringify(CLIENTS.map((client) => client.sdk))}.includes(specifier)) loaded.add(specifier);
          return next(specifier, context);
        },
      });
      const baseURL = "http://127.0.0.1:1", once = { retry: { maxAttempts: 1 } };
      const entry = await import("asimov-agents/${entry}");
      const client = new entry.${create};
      const messages = [{ role: "USER", content: "Hello" }];
      const stream = client.stream(messages);
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      const before = [...loaded];
      const signal = AbortSignal.abort();
      await client.generate(messages, { signal }).catch(() => {});
      const aborted = [...loaded];
      const ended = new AbortController();
      const call = client.generate(messages, { signal: ended.signal }).catch(() => {});
      while (loaded.size === 0) await new Promise((resolve) => setImmediate(resolve));
      ended.abort();
      await call;
      console.log(JSON.stringify({ before, aborted, after: [...loaded] }));
      process.exit();`;
    const flags = ["--no-warnings", "--conditions=asimov-source", "--input-type=module", "--eval", program];
    const { stdout, stderr } = await run(process.execPath, flags);
    // One of them announces its end there.
    expect(stderr).not.toContain("Error");
    expect(JSON.parse(stdout)).toEqual({ before: [], aborted: [], after: [sdk] });
  });
});
