/** What is known of the servers that speak Chat Completions, as data: how each departs from OpenAI's own, and where that is written. */
import type { Capabilities } from "#inference/request/capabilities";
import type { CompatibleServer, OpenAICompatibility } from "./compatibility.ts";

export interface ServerProfile {
  /** As its makers write it. */
  title: string;
  /** Of services, by which they are known: these and what is below them. A local server may be at any address. */
  hosts: readonly string[];
  /** What is sent and read otherwise. */
  compatibility: Omit<OpenAICompatibility, "profile">;
  /** What its models can do, beside what is known of them. */
  capabilities: Partial<Capabilities>;
  /** What differs, and what becomes of it; of answers, what is read whatever the server. */
  differs: readonly string[];
  sources: readonly string[];
  /** The day on which the sources were read. */
  checked: string;
}

const READ = "2026-11-28";
const AI_SDK = "https://github.com/vercel/ai/blob/ed857f50f1/packages";
/** Templates of models run on the server as they are, and Qwen's, among others, takes a system message in the first place alone. */
const ONE_SYSTEM = "https://github.com/vllm-project/vllm/issues/41114";

const BY_EFFORT_OR_NOT: Capabilities["thinking"] = ["effort", "off"];
const BY_ITSELF: Capabilities["thinking"] = ["by-default", "effort", "off"];

const SYSTEM_FIRST = "a system message in the first place alone: a later one is said by the user";
const TEMPLATE_THINKING = "thinking goes on and off by `chat_template_kwargs`";

export const PROFILES: Readonly<Record<CompatibleServer, ServerProfile>> = {
  vllm: {
    title: "vLLM",
    hosts: [],
    compatibility: { thinkingField: "chat_template_kwargs" },
    capabilities: { systemAnywhere: false, thinking: BY_EFFORT_OR_NOT },
    differs: [
      TEMPLATE_THINKING,
      SYSTEM_FIRST,
      "thoughts come as `reasoning`, before as `reasoning_content`; without a reasoning parser, in think tags",
    ],
    sources: ["https://docs.vllm.ai/en/v0.26.0/features/reasoning_outputs/", ONE_SYSTEM],
    checked: READ,
  },
  sglang: {
    title: "SGLang",
    hosts: [],
    compatibility: { thinkingField: "chat_template_kwargs" },
    capabilities: { systemAnywhere: false, thinking: BY_EFFORT_OR_NOT },
    differs: [
      TEMPLATE_THINKING,
      SYSTEM_FIRST,
      "thoughts come as `reasoning_content`; of DeepSeek-R1 without a parser, in think tags that are not opened",
    ],
    sources: ["https://docs.sglang.io/docs/advanced_features/separate_reasoning", ONE_SYSTEM],
    checked: READ,
  },
  ollama: {
    title: "Ollama",
    hosts: [],
    compatibility: { efforts: ["low", "medium", "high", "max"] },
    capabilities: { forcedToolChoice: false, noToolChoice: false, systemAnywhere: false, thinking: BY_EFFORT_OR_NOT },
    differs: [
      "`tool_choice` is not read: the model is asked in words, with a warning",
      "thinking goes off by `reasoning_effort` `none`; thoughts come as `reasoning`",
      "calls may all have the index 0",
      SYSTEM_FIRST,
    ],
    sources: [
      "https://docs.ollama.com/api/openai-compatibility",
      "https://github.com/ollama/ollama/blob/fb3076099/openai/openai.go",
      "https://github.com/ollama/ollama/issues/15457",
    ],
    checked: READ,
  },
  "llama.cpp": {
    title: "llama.cpp",
    hosts: [],
    compatibility: { namedToolChoice: false },
    capabilities: { systemAnywhere: false, thinking: BY_EFFORT_OR_NOT },
    differs: [
      "a tool that is forced by its name is told alone, and required: the server takes an object for `auto`",
      "thinking goes off by `reasoning_effort` `none`; thoughts come as `reasoning_content`",
      SYSTEM_FIRST,
    ],
    sources: [
      "https://github.com/ggml-org/llama.cpp/blob/00dc8057ab28c9cb4c79a6dd6dfce07fe779f63b/tools/server/README.md",
      "https://pypi.org/project/langchain-llama-cpp/",
      "https://github.com/ggml-org/llama.cpp/issues/20733",
    ],
    checked: READ,
  },
  "lm-studio": {
    title: "LM Studio",
    hosts: [],
    compatibility: { namedToolChoice: false },
    capabilities: { systemAnywhere: false },
    differs: ["a tool that is forced by its name is told alone, and required: the server refuses an object", SYSTEM_FIRST],
    sources: [
      "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/670",
      "https://github.com/lmstudio-ai/docs/issues/177",
      "https://github.com/zxypro1/algolocal/pull/17",
    ],
    checked: READ,
  },
  openrouter: {
    title: "OpenRouter",
    hosts: ["openrouter.ai"],
    compatibility: {},
    capabilities: {},
    differs: [
      "thinking is asked for by `reasoning`, with an effort or a budget; thoughts come as `reasoning`, with `reasoning_details` that go back",
      "usage tells the cost in dollars",
      "an error may come in the stream, or under status 200",
    ],
    sources: ["https://openrouter.ai/docs/api/reference/errors-and-debugging"],
    checked: READ,
  },
  groq: {
    title: "Groq",
    hosts: ["api.groq.com"],
    compatibility: {},
    capabilities: {},
    differs: ["thoughts come as `reasoning`", "a stream may tell its usage under `x_groq`"],
    sources: ["https://console.groq.com/docs/openai", `${AI_SDK}/groq/src/groq-chat-language-model.ts`],
    checked: READ,
  },
  mistral: {
    title: "Mistral",
    hosts: ["api.mistral.ai"],
    compatibility: { streamOptions: false, toolCallIds: "nine", efforts: ["high"] },
    capabilities: { thinking: BY_EFFORT_OR_NOT },
    differs: [
      "`stream_options` is not sent: the last chunk tells the usage by itself",
      "ids of tool calls are nine letters and digits: others are turned into such",
      "the effort is `high` or `none`; thoughts come as parts of the content, and do not go back",
      "cached tokens may be told as `num_cached_tokens`",
    ],
    sources: [
      "https://docs.mistral.ai/studio/conversations/reasoning",
      `${AI_SDK}/mistral/src/mistral-chat-language-model.ts`,
      `${AI_SDK}/mistral/src/convert-mistral-usage.ts`,
      "https://github.com/nearai/ironclaw/issues/1241",
    ],
    checked: READ,
  },
  deepseek: {
    title: "DeepSeek",
    hosts: ["api.deepseek.com"],
    compatibility: { thinkingField: "thinking", efforts: ["low", "high", "max"] },
    capabilities: { structuredOutput: false, thinking: BY_ITSELF },
    differs: [
      "thinking goes on and off by `thinking`, which is on by default; thoughts come as `reasoning_content`, and go back with the calls",
      "`response_format` knows no schema: the model is told it, and the answer checked, with a warning",
      "cached tokens may be told as `prompt_cache_hit_tokens`",
    ],
    sources: [
      "https://api-docs.deepseek.com/guides/thinking_mode",
      "https://api-docs.deepseek.com/guides/json_mode",
      "https://api-docs.deepseek.com/api/create-chat-completion",
    ],
    checked: READ,
  },
  together: {
    title: "Together AI",
    hosts: ["api.together.xyz", "api.together.ai"],
    compatibility: { thinkingField: "reasoning" },
    capabilities: { thinking: BY_EFFORT_OR_NOT },
    differs: ["thinking goes on and off by `reasoning: { enabled }`; thoughts come as `reasoning`"],
    sources: ["https://docs.together.ai/docs/inference/chat/reasoning"],
    checked: READ,
  },
  fireworks: {
    title: "Fireworks AI",
    hosts: ["api.fireworks.ai"],
    compatibility: {},
    capabilities: {},
    differs: ["thoughts come as `reasoning_content`, of some models in think tags"],
    sources: ["https://docs.fireworks.ai/guides/reasoning"],
    checked: READ,
  },
  cerebras: {
    title: "Cerebras",
    hosts: ["api.cerebras.ai"],
    compatibility: {},
    capabilities: {},
    differs: ["pieces of a call may come under another index, without id and name"],
    sources: ["https://github.com/dirac-run/dirac/pull/215"],
    checked: READ,
  },
  xai: {
    title: "xAI",
    hosts: ["api.x.ai"],
    compatibility: { thoughtsInOutput: false },
    capabilities: {},
    differs: ["output tokens are told without those of the thoughts: they are added"],
    sources: [`${AI_SDK}/xai/src/convert-xai-chat-usage.ts`],
    checked: READ,
  },
  moonshot: {
    title: "Moonshot AI",
    hosts: ["api.moonshot.ai", "api.moonshot.cn"],
    compatibility: { thinkingField: "thinking" },
    capabilities: { thinking: BY_ITSELF },
    differs: [
      "thinking goes on and off by `thinking`; thoughts come as `reasoning_content`",
      "cached tokens are told as `cached_tokens` of the usage, which may stand in the choice",
    ],
    sources: [
      `${AI_SDK}/moonshotai/src/moonshotai-chat-language-model.ts`,
      `${AI_SDK}/moonshotai/src/convert-moonshotai-chat-usage.ts`,
      "https://github.com/earendil-works/pi/issues/2017",
    ],
    checked: READ,
  },
  alibaba: {
    title: "Alibaba Cloud (Qwen)",
    hosts: ["dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"],
    compatibility: { thinkingField: "enable_thinking" },
    capabilities: { thinking: ["budget", "off"], systemAnywhere: false },
    differs: ["thinking goes on and off by `enable_thinking`, with `thinking_budget`; thoughts come as `reasoning_content`", SYSTEM_FIRST],
    sources: [`${AI_SDK}/alibaba/src/alibaba-chat-language-model.ts`, "https://github.com/can1357/oh-my-pi/issues/958"],
    checked: READ,
  },
  deepinfra: {
    title: "DeepInfra",
    hosts: ["api.deepinfra.com"],
    compatibility: {},
    capabilities: {},
    differs: ["of Gemini and Gemma, output tokens are told without those of the thoughts: they are added"],
    sources: [`${AI_SDK}/deepinfra/src/deepinfra-chat-language-model.ts`],
    checked: READ,
  },
};
