/** The AI SDK, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import type { Trial } from "../trial.ts";

interface Sdk {
  streamText(options: object): { fullStream: AsyncIterable<unknown>; steps: PromiseLike<unknown[]> };
  generateText(options: object): Promise<{ steps: unknown[] }>;
  jsonSchema(schema: object): unknown;
  stepCountIs(count: number): unknown;
  tool(init: object): unknown;
}

interface SdkTesting {
  MockLanguageModelV4: new (init: { doGenerate(): Promise<object> } | { doStream(): Promise<object> }) => unknown;
}

// Not literal, so that the compiler does not look for what only `bench/` has.
const name: string = "ai";
const { generateText, streamText, jsonSchema, stepCountIs, tool } = (await import(name)) as Sdk;
const { MockLanguageModelV4 } = (await import(`${name}/test`)) as SdkTesting;

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

const noop = tool({ description: "Does nothing", inputSchema: jsonSchema({ type: "object" }), execute: async () => "ok" });

/** The same chain, streamed as ours is. */
export function streamedTrial(turns: number): Trial {
  return {
    async run() {
      let turn = 0;
      const model = new MockLanguageModelV4({
        doStream: async () => {
          turn += 1;
          const isLast = turn === turns;
          const id = `c${turn}`;
          const said = [
            { type: "text-start", id },
            { type: "text-delta", id, delta: "done" },
            { type: "text-end", id },
          ];
          const called = [
            { type: "tool-input-start", id, toolName: "noop" },
            { type: "tool-input-delta", id, delta: "{}" },
            { type: "tool-input-end", id },
            { type: "tool-call", toolCallId: id, toolName: "noop", input: "{}" },
          ];
          const finish = { type: "finish", finishReason: { unified: isLast ? "stop" : "tool-calls", raw: undefined }, usage };
          const parts = [{ type: "stream-start", warnings: [] }, ...(isLast ? said : called), finish];
          const stream = new ReadableStream({
            start(controller) {
              for (const part of parts) controller.enqueue(part);
              controller.close();
            },
          });
          return { stream };
        },
      });
      const { fullStream, steps } = streamText({ model, prompt: "Go", tools: { noop }, stopWhen: stepCountIs(turns) });
      for await (const _part of fullStream);
      const { length } = await steps;
      if (length !== turns) throw new Error(`${length} turns`);
    },
  };
}

/** A chain whose model calls the tool at every turn but the last, at once; each answer comes whole. */
export function wholeTrial(turns: number): Trial {
  return {
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
      const { steps } = await generateText({ model, prompt: "Go", tools: { noop }, stopWhen: stepCountIs(turns) });
      if (steps.length !== turns) throw new Error(`${steps.length} turns`);
    },
  };
}
