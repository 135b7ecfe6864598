/** A local OpenAI-compatible server, such as vLLM, Ollama, llama.cpp or LM Studio: one base URL, and the answer streams. */
import { ChatRole } from "asimov-agents";
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { startInferenceServer } from "asimov-agents/testing";

// Set LOCAL_BASE_URL, such as http://127.0.0.1:11434/v1, and LOCAL_MODEL to talk to a server of your own.
const { LOCAL_BASE_URL, LOCAL_MODEL = "local-model" } = process.env;
const server =
  LOCAL_BASE_URL === undefined
    ? await startInferenceServer("openai-chat", [{ thinking: "A greeting.", text: "Hello from this machine.", chunks: 4 }])
    : { url: LOCAL_BASE_URL, close: async () => {} };
const client = new OpenAIInferenceClient({ model: LOCAL_MODEL, baseURL: server.url });

const stream = client.stream([{ role: ChatRole.USER, content: "Say hello" }]);
for await (const part of stream) {
  if (part.type === "thinking-delta") console.log(`thinks: ${part.text}`);
  if (part.type === "text-delta") console.log(`says: ${part.text}`);
}
const { finishReason, usage } = await stream.result;
console.log(`ended by ${finishReason.unified}; cost ${usage.cost ?? "unknown, as nobody set a price"}`);
await server.close();
