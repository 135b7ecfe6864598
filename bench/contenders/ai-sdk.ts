/** The AI SDK, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import type { Trial } from "../measure.ts";

interface Sdk {
  generateText(options: object): Promise<{ steps: unknown[] }>;
  jsonSchema(schema: object): unknown;
  stepCountIs(count: number): unknown;
  tool(init: object): unknown;
}

interface SdkTesting {
  MockLanguageModelV4: new (init: { doGenerate(): Promise<object> }) => unknown;
}

// Not literal, so that the compiler does not look for what only `bench/` has.
const name: string = "ai";
const { generateText, jsonSchema, stepCountIs, tool } = (await import(name)) as Sdk;
const { MockLanguageModelV4 } = (await import(`${name}/test`)) as SdkTesting;

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A chain whose model calls the tool at every turn but the last, at once. */
export function aiSdkTrial(turns: number): Trial {
  return {
    contender: "AI SDK",
    async run() {
      let turn = 0;
      const model = new MockLanguageModelV4({
        doGenerate: async () => {
          turn += 1;
          const isLast = turn === turns;
          const call = { type: "tool-call", toolCallId: `c${turn}`, toolName: "noop", input: "{}" };
          const finishReason = { unified: isLast ? "stop" : "tool-calls", raw: undefined };
          return { content: [isLast ? { type: "text", text: "done" } : call], finishReason, usage, warnings: [] };
        },
      });
      const noop = tool({ description: "Does nothing", inputSchema: jsonSchema({ type: "object" }), execute: async () => "ok" });
      const { steps } = await generateText({ model, prompt: "Go", tools: { noop }, stopWhen: stepCountIs(turns) });
      if (steps.length !== turns) throw new Error(`${steps.length} turns`);
    },
  };
}
