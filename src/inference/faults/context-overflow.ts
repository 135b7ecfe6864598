/** Providers tell by words alone that a conversation is too long; those words are known here. */

/** A limit of tokens a minute reads much like a conversation that is too long, and passes. */
const RATE_LIMIT = /rate[ _-]?limit|too many requests|throttl/i;

const OVERFLOWS: readonly RegExp[] = [
  // Anthropic, Bedrock
  /prompt is too long/i,
  /request_too_large/i,
  /input is too long for requested model/i,
  // Gemini
  /input token count.*exceeds the maximum/i,
  // OpenAI, vLLM, OpenRouter, LiteLLM
  /context[ _]length[ _]exceeded/i,
  /maximum context length is \d+/i,
  /exceeds the context window/i,
  /exceeds (?:the )?(?:model'?s )?maximum context length/i,
  // llama.cpp, LM Studio, Ollama
  /exceeds the available context size/i,
  /greater than the context length/i,
  /prompt too long; exceeded (?:max )?context length/i,
  // xAI, Groq, Together, Mistral
  /maximum prompt length is \d+/i,
  /reduce the length of the messages/i,
  /longer than the model'?s context length/i,
  /too large for model with \d+ maximum context length/i,
  // Cerebras
  /^4(?:00|13) .*\(no body\)/,
];

/** The words are near the start; the rest may be the prompt, and long. */
const READ_CHARACTERS = 4000;

/** Whether an error's text, with its type or code if there is one, says that the conversation is longer than the model reads. */
export function isContextOverflow(text: string): boolean {
  const start = text.slice(0, READ_CHARACTERS);
  return !RATE_LIMIT.test(start) && OVERFLOWS.some((pattern) => pattern.test(start));
}
