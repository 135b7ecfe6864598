/** What models can do: one table, whose later rows overlay earlier ones; a client's own word overlays them all. */

export interface Capabilities {
  /** Whether a tool may be forced; some models refuse it while they think. */
  forcedToolChoice: boolean | "without-thinking";
  /** Whether tools may be told and forbidden at once. */
  noToolChoice: boolean;
  /** Whether `temperature` and `topP` are taken. */
  sampling: boolean;
  /** Which forms of thinking may be asked for: by effort, by a budget of tokens, none, or only between tools. */
  thinking: readonly ("effort" | "budget" | "off" | "between-tools")[];
  /** Whether the provider holds answers to a schema itself. */
  structuredOutput: boolean;
  /** Whether SYSTEM messages may stand in the middle of a conversation. */
  systemAnywhere: boolean;
  images: boolean;
  /** Cache markers that a request may hold at most; 0 where caching takes none. */
  cacheMarkers: number;
  /** Whether thoughts are bound to the exact conversation before them: what changes it must leave them out. */
  boundThinking: boolean;
  /** Tokens. */
  contextWindow?: number;
  maxOutputTokens?: number;
}

/** Of a server that nobody knows: it is asked for all, but for what only some providers have. */
const PERMISSIVE: Capabilities = {
  forcedToolChoice: true,
  noToolChoice: true,
  sampling: true,
  thinking: ["effort", "off"],
  structuredOutput: true,
  systemAnywhere: true,
  images: true,
  cacheMarkers: 0,
  boundThinking: false,
};

const CLAUDE = /claude/;
/** 5.1 and everything after it, named or not yet named, keeps the strictest rules. */
const CLAUDE_STRICT = /claude-[a-z]+-(?:5-[1-9]|[6-9]|\d\d)/;
const CLAUDE_5 = /claude-[a-z]+-5(?!-\d)/;
const CLAUDE_OLD = /claude-(?:3|[a-z]+-4)/;

/** Provider, model, and what holds there. */
const TABLE: readonly (readonly [RegExp, RegExp, Partial<Capabilities>])[] = [
  [/^anthropic$/, /./, { sampling: false, systemAnywhere: false, cacheMarkers: 4, forcedToolChoice: "without-thinking" }],
  [/^aws\.bedrock$/, /./, { systemAnywhere: false, thinking: [] }],
  [/^aws\.bedrock$/, CLAUDE, { cacheMarkers: 4, forcedToolChoice: "without-thinking", thinking: ["effort", "off"] }],
  [/^(?:anthropic|aws\.bedrock)$/, CLAUDE_OLD, { thinking: ["budget", "off"], contextWindow: 200_000 }],
  [/^(?:anthropic|aws\.bedrock)$/, /claude-[a-z]+-4-[6-9]/, { thinking: ["effort", "budget", "off"], contextWindow: 1_000_000 }],
  [/^(?:anthropic|aws\.bedrock)$/, /claude-opus-4-[78]/, { thinking: ["effort", "off"] }],
  [/^(?:anthropic|aws\.bedrock)$/, CLAUDE_5, { sampling: false, thinking: ["effort", "off"], contextWindow: 1_000_000 }],
  [
    /^(?:anthropic|aws\.bedrock)$/,
    CLAUDE_STRICT,
    {
      sampling: false,
      forcedToolChoice: false,
      thinking: ["effort"],
      boundThinking: true,
      systemAnywhere: true,
      contextWindow: 1_000_000,
      maxOutputTokens: 128_000,
    },
  ],
  [/^(?:anthropic|aws\.bedrock)$/, /claude-(?:sonnet|haiku)-5-5/, { thinking: ["effort", "between-tools"] }],
  // Converse takes SYSTEM messages in the middle for none of the models that were tried.
  [/^aws\.bedrock$/, CLAUDE_STRICT, { systemAnywhere: false }],
  [/^openai$/, /^(?:o\d|gpt-(?:[5-9]|\d\d))/, { sampling: false }],
  [/^openai$/, /^gpt-[34]/, { thinking: [] }],
  [/^openai$/, /^gpt-(?:5\.[6-9]|[6-9]|\d\d)/, { cacheMarkers: 4 }],
  [/^openrouter$/, CLAUDE, { cacheMarkers: 4 }],
  [/^gcp\./, /./, { systemAnywhere: false, thinking: ["effort", "budget", "off"] }],
];

/** @param overrides what the client's user knows better */
export function capabilitiesOf(provider: string, model: string, overrides: Partial<Capabilities> = {}): Capabilities {
  const id = model.toLowerCase();
  const rows = TABLE.filter(([whose, which]) => whose.test(provider) && which.test(id)).map(([, , row]) => row);
  return Object.assign({}, PERMISSIVE, ...rows, overrides) as Capabilities;
}
