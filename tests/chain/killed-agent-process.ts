/** A process that runs an agent whose module runs a chain, or goes on from its newest snapshot; told to, it kills itself within a tool. */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, ChatRole, defineModule, defineTool, FileStore, type InferenceClient, MemoryCache, Node, Task } from "asimov-agents";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { BedrockInferenceClient } from "asimov-agents/bedrock";
import { GoogleGenAIInferenceClient } from "asimov-agents/genai";
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { RedisCache } from "asimov-agents/redis";
import { z } from "zod";

export interface KilledAgentOrder {
  directory: string;
  client: "anthropic" | "bedrock" | "gemini" | "openai-responses";
  url: string;
  redis?: { url: string; prefix: string };
  isResumed: boolean;
  /** The step of the tool that kills the process when it runs. */
  killIn?: number;
}

const order = JSON.parse(process.argv[2] as string) as KilledAgentOrder;
const { directory, url: baseURL, redis, killIn } = order;
const apiKey = "any";
const clients: Record<KilledAgentOrder["client"], () => InferenceClient> = {
  anthropic: () => new AnthropicInferenceClient({ model: "claude-sonnet-4-6", apiKey, baseURL }),
  bedrock: () =>
    new BedrockInferenceClient({
      model: "global.anthropic.claude-sonnet-4-6",
      region: "us-east-1",
      endpoint: baseURL,
      credentials: { accessKeyId: apiKey, secretAccessKey: apiKey },
    }),
  gemini: () => new GoogleGenAIInferenceClient({ model: "gemini-3-pro-preview", apiKey, baseURL }),
  "openai-responses": () => new OpenAIInferenceClient({ model: "gpt-5.6", api: "responses", apiKey, baseURL }),
};
const client = clients[order.client]();
const log = (line: string): void => appendFileSync(join(directory, "log"), `${line}\n`);

const work = defineTool({
  name: "work",
  description: "Works",
  input: z.object({ step: z.number() }),
  async run({ step }, { idempotencyKey }) {
    log(`${step} starts ${idempotencyKey}`);
    if (step === killIn) process.kill(process.pid, "SIGKILL");
    // In the first process the second one is still at work when the third one starts.
    if (step === 2 && killIn === 3) await new Promise(() => {});
    log(`${step} ends`);
    return `built ${step}`;
  },
});

const build = defineModule({
  name: "build",
  async process({ signal }) {
    const ask = [{ role: ChatRole.USER, content: "Build the house." }];
    const { text, iterations, messages } = await client.toolChain(ask, [work], { signal, maxParallelTools: 2 });
    return { status: "success", result: { text, iterations, messages: messages.length } };
  },
});

const cache = redis === undefined ? new MemoryCache() : new RedisCache({ url: redis.url, defaultPrefix: redis.prefix });
const agent = new Agent({
  cache,
  store: new FileStore({ dir: directory }),
  snapshot: "NEVER",
  nodes: [new Node({ name: "house", modules: [build], snapshot: "ALWAYS" })],
});
writeFileSync(join(directory, "pid"), String(process.pid));
const task = new Task({ type: "house", objective: "Be built", id: "killed-task" });
const {
  status,
  nodes: results,
  usage,
} = await (order.isResumed ? agent.runFromSnapshot(join(directory, "killed-task")) : agent.runTask(task));
console.log(JSON.stringify({ status, result: results.house?.results[0]?.result, outputTokens: usage.outputTokens }));
await cache.close();
