/** How each provider says that a conversation is too long: mostly by words alone. */
import type { InferenceServerFormat } from "#testing/servers/inference-server";
import { exceptionFrame } from "../../support/event-stream.ts";
import { json } from "../../support/wire-server.ts";
import * as anthropic from "../anthropic/messages-server.ts";
import { type Play, RAW, refuseAs } from "../raw-streams.ts";

const told =
  (format: InferenceServerFormat, headers: Record<string, string> = {}) =>
  (sample: string) => ({ format, sample, play: refuseAs(RAW[format], 400, headers, sample) });

const bare = (status: number): { format: InferenceServerFormat; sample: string; play: Play } => ({
  format: "openai-chat",
  sample: `status ${status} without a body`,
  play: (response) => void response.writeHead(status).end(),
});

export const OVERFLOW_SAMPLES: { format: InferenceServerFormat; sample: string; play: Play }[] = [
  told("anthropic")("prompt is too long: 213462 tokens > 200000 maximum"),
  {
    format: "anthropic",
    sample: "request_too_large",
    play: (response) =>
      json(response, 413, { type: "error", error: { type: "request_too_large", message: "Request exceeds the maximum size" } }),
  },
  {
    format: "anthropic",
    sample: "an event in a stream",
    play: [anthropic.sseText([anthropic.START, anthropic.errorEvent("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum")])],
  },
  ...["Input is too long for requested model.", "prompt is too long: 210000 tokens > 200000 maximum"].map(
    told("bedrock", { "x-amzn-errortype": "ValidationException" }),
  ),
  {
    format: "bedrock",
    sample: "an exception in a stream",
    play: [...RAW.bedrock.open, exceptionFrame("validationException", { message: "Input is too long for requested model." })],
  },
  told("gemini")("The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)."),
  ...(["openai-responses", "openai-chat"] as const).map((format) => ({
    format,
    sample: "code context_length_exceeded",
    play: ((response) => json(response, 400, { error: { code: "context_length_exceeded", message: "No." } })) as Play,
  })),
  ...[
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens.",
    "Your input exceeds the context window of this model.",
    "Prompt exceeds the model's maximum context length of 4096",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "Trying to keep the first 9000 tokens, which is greater than the context length",
    "prompt too long; exceeded max context length by 17 tokens",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Please reduce the length of the messages or completion.",
    "Input length 90000 is longer than the model's context length",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
  ].map(told("openai-chat")),
  bare(400),
  bare(413),
];
