/** Which option a server's refusal is about: nobody knows every server, and who meets one that is not known learns how to say it. */

interface Hint {
  words: RegExp;
  advice: string;
}

const NAME_IT = 'or name the server, such as compatibility: "vllm"';

const HINTS: readonly Hint[] = [
  {
    words: /system message must be (?:at the beginning|the first)|system.{0,30}only.{0,20}first/i,
    advice: `Set capabilities: { systemAnywhere: false }, ${NAME_IT}.`,
  },
  { words: /tool call id.{0,80}length of 9/i, advice: 'Set compatibility: { toolCallIds: "nine" }, or compatibility: "mistral".' },
  {
    words: /tool_choice.{0,40}object|tool_choice.{0,80}string/i,
    advice: 'Set compatibility: { namedToolChoice: false }, or name the server, such as compatibility: "lm-studio".',
  },
  { words: /tool_choice/i, advice: `Set capabilities: { forcedToolChoice: false }, ${NAME_IT}.` },
  { words: /response_format|json_schema/i, advice: `Set capabilities: { structuredOutput: false }, ${NAME_IT}.` },
  { words: /stream_options/i, advice: `Set compatibility: { streamOptions: false }, ${NAME_IT}.` },
  { words: /max_completion_tokens/i, advice: 'Set compatibility: { maxTokensField: "max_tokens" } or the other of the two.' },
  { words: /reasoning_effort|chat_template_kwargs|enable_thinking/i, advice: `Set compatibility: { thinkingField: … }, ${NAME_IT}.` },
  { words: /\bdeveloper\b.{0,40}role|role.{0,40}\bdeveloper\b/i, advice: "Set compatibility: { developerRole: false }." },
];

/** What to set, where a server that is none of OpenAI's refuses a request by words that tell it. */
export const hintOf = (detail: string | undefined): string | undefined =>
  detail === undefined ? undefined : HINTS.find(({ words }) => words.test(detail))?.advice;
