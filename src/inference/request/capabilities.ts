/** What models can do: one table, whose later rows overlay earlier ones; a client's own word overlays them all. */
import { AsimovError } from "#contract/base/errors";
import { FILE_KINDS, type FileKind } from "#contract/chat/file-kind";

export interface Capabilities {
  /** Whether a tool may be forced; some models refuse it while they think. */
  forcedToolChoice: boolean | "without-thinking";
  /** Whether tools may be told and forbidden at once. */
  noToolChoice: boolean;
  /** Whether it may be held to some of its tools while all are told; elsewhere the others are not told. */
  toolSubset: boolean;
  /** Whether the provider holds the model to a tool's schema as it writes the input. */
  strictTools: boolean;
  /** Whether `temperature` and `topP` are taken; some models refuse them while they think. */
  sampling: boolean | "without-thinking";
  stopSequences: boolean;
  /**
   * How thinking may be asked for: by effort, by a budget of tokens; `"off"` where it can be left off, `"between-tools"` or `"least"`
   * where it can only be lowered to that. `"by-default"` thinks without being asked. None of them: the model does not think.
   */
  thinking: readonly ("effort" | "budget" | "off" | "between-tools" | "least" | "by-default")[];
  /** Whether it may be said if thoughts are shown. */
  thinkingDisplay: boolean;
  /** Whether the provider holds answers to a schema itself; some cannot while tools are told. */
  structuredOutput: boolean | "without-tools";
  /** Whether SYSTEM messages may stand in the middle of a conversation. */
  systemAnywhere: boolean;
  /** Which files it reads, in messages and in what tools give; a text file that is given as data is told as text to all others. */
  files: readonly FileKind[];
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
  toolSubset: false,
  strictTools: true,
  sampling: true,
  stopSequences: true,
  thinking: ["effort"],
  thinkingDisplay: true,
  structuredOutput: true,
  systemAnywhere: true,
  files: FILE_KINDS,
  cacheMarkers: 0,
  boundThinking: false,
};

const ANTHROPIC = /^(?:anthropic|aws\.bedrock)$/;
const BEDROCK = /^aws\.bedrock$/;
/** Models in Azure go by the names of their deployments, which mostly are their own. */
const OPENAI = /^(?:openai|azure\.ai\.openai)$/;
const GOOGLE = /^gcp\./;
const ANY = /(?:)/;

const CLAUDE = /claude/;
/** Some services write a version with a dot; eight digits after it are a date. */
const CLAUDE_BEFORE_4_5 = /claude-(?:[23]|instant|[a-z]+-4(?![.-]\d(?!\d)|\d)|[a-z]+-4[.-][0-4](?!\d))/;
const CLAUDE_4_5 = /claude-[a-z]+-4[.-]5(?!\d)/;
const CLAUDE_4_6 = /claude-[a-z]+-4[.-]6(?!\d)/;
const CLAUDE_4_7 = /claude-[a-z]+-4[.-][7-9](?!\d)/;
const CLAUDE_5 = /claude-[a-z]+-5(?:[.-]0(?!\d)|(?![.-]\d{1,2}(?!\d)|\d))/;
/** 5.1 and everything after it, named or not yet named, keeps the strictest rules. */
const CLAUDE_STRICT = /claude-[a-z]+-(?:5[.-](?:[1-9]|\d\d)(?!\d)|(?:[6-9]|\d\d)(?!\d))/;

/** Provider, model, and what holds there. */
const TABLE: readonly (readonly [RegExp, RegExp, Partial<Capabilities>])[] = [
  // The API's version of 2026-10-21, which its SDK asks for, takes sampling of no model.
  [
    /^anthropic$/,
    ANY,
    {
      ...{ sampling: false, systemAnywhere: false, cacheMarkers: 4, forcedToolChoice: "without-thinking", thinking: ["effort", "off"] },
      files: ["image", "pdf", "text"],
    },
  ],
  [BEDROCK, ANY, { systemAnywhere: false, thinking: [] }],
  [BEDROCK, /nova|llama/, { structuredOutput: false, strictTools: false }],
  [BEDROCK, /llama/, { forcedToolChoice: false }],
  [BEDROCK, CLAUDE, { cacheMarkers: 4, sampling: "without-thinking", forcedToolChoice: "without-thinking", thinking: ["effort", "off"] }],
  // Bedrock caches for none of those before 3.5's second version.
  [BEDROCK, /claude-(?:v?2|instant|3-(?:haiku|sonnet|opus)|3-5-sonnet-20240620)/, { cacheMarkers: 0 }],
  [ANTHROPIC, CLAUDE_BEFORE_4_5, { thinking: ["budget", "off"], structuredOutput: false, strictTools: false, contextWindow: 200_000 }],
  [ANTHROPIC, /claude-(?:[2]|instant|3-(?!7)|3\.(?!7))/, { thinking: [] }],
  [ANTHROPIC, /claude-opus-4[.-]1(?!\d)/, { structuredOutput: true, strictTools: true }],
  [ANTHROPIC, CLAUDE_4_5, { thinking: ["budget", "off"], contextWindow: 200_000, maxOutputTokens: 64_000 }],
  [ANTHROPIC, CLAUDE_4_6, { thinking: ["effort", "budget", "off"], contextWindow: 1_000_000 }],
  [ANTHROPIC, CLAUDE_4_7, { sampling: false, contextWindow: 1_000_000 }],
  [/^anthropic$/, /claude-[a-z]+-4[.-][89](?!\d)/, { systemAnywhere: true }],
  [ANTHROPIC, CLAUDE_5, { sampling: false, thinking: ["by-default", "effort", "off"], contextWindow: 1_000_000, maxOutputTokens: 128_000 }],
  [ANTHROPIC, /claude-opus-5(?![.-]\d{1,2}(?!\d)|\d)/, { thinking: ["by-default", "effort", "budget", "off"] }],
  [/^openrouter$/, ANY, { thinking: ["effort", "budget", "off"] }],
  // Whoever sells them: what the model itself refuses, it refuses everywhere.
  [ANY, CLAUDE_STRICT, { sampling: false, forcedToolChoice: false, thinking: ["by-default", "effort"] }],
  [ANTHROPIC, CLAUDE_STRICT, { boundThinking: true, contextWindow: 1_000_000, maxOutputTokens: 128_000 }],
  [/^anthropic$/, /claude-sonnet-5[.-]5(?!\d)/, { thinking: ["by-default", "effort", "between-tools"] }],
  [ANTHROPIC, /claude-haiku-5[.-]5(?!\d)/, { thinking: ["by-default", "effort", "off"] }],
  [/^anthropic$/, CLAUDE_5, { systemAnywhere: true }],
  [/^anthropic$/, CLAUDE_STRICT, { systemAnywhere: true }],
  [/^openrouter$/, CLAUDE, { cacheMarkers: 4 }],
  [BEDROCK, CLAUDE, { files: ["image", "pdf", "text", "document"] }],
  [OPENAI, ANY, { toolSubset: true, thinking: ["by-default", "effort"], files: ["image", "pdf", "text", "document"] }],
  [OPENAI, /audio/, { files: ["audio"] }],
  [OPENAI, /^(?:gpt-[34]|chatgpt-4)/, { thinking: [] }],
  [OPENAI, /^gpt-(?:3|4(?:$|-))/, { structuredOutput: false }],
  [OPENAI, /^(?:gpt-3|gpt-4(?:$|-0)|o1-mini|o1-preview|o3-mini)/, { files: [] }],
  [OPENAI, /^gpt-4o/, { contextWindow: 128_000, maxOutputTokens: 16_384 }],
  [OPENAI, /^gpt-4\.1/, { contextWindow: 1_047_576, maxOutputTokens: 32_768 }],
  [OPENAI, /^o\d/, { sampling: false, thinking: ["by-default", "effort"], contextWindow: 200_000, maxOutputTokens: 100_000 }],
  [OPENAI, /^o1-(?:mini|preview)/, { thinking: ["by-default"], structuredOutput: false, contextWindow: 128_000, maxOutputTokens: 65_536 }],
  [OPENAI, /^gpt-(?:[5-9]|\d\d)/, { sampling: false, contextWindow: 400_000, maxOutputTokens: 128_000 }],
  // The first ones cannot leave it off; the later ones may be told so.
  [OPENAI, /^gpt-(?:5\.|[6-9]|\d\d)/, { thinking: ["by-default", "effort", "off"] }],
  [OPENAI, /^gpt-5(?:\.\d)?-chat/, { contextWindow: 128_000, maxOutputTokens: 16_384 }],
  [OPENAI, /^gpt-5-chat/, { sampling: true, thinking: [] }],
  [OPENAI, /^gpt-.*-(?:pro|codex)/, { thinking: ["by-default", "effort"] }],
  [OPENAI, /^gpt-(?:5\.[4-9](?!-(?:mini|nano))|[6-9]|\d\d)/, { contextWindow: 1_050_000 }],
  [/^openai$/, /^gpt-(?:5\.[6-9]|5\.\d\d|[6-9]|\d\d)/, { cacheMarkers: 4 }],
  [
    GOOGLE,
    ANY,
    {
      toolSubset: true,
      systemAnywhere: false,
      thinking: ["by-default", "effort", "least"],
      files: ["image", "pdf", "text", "audio", "video"],
    },
  ],
  [GOOGLE, /gemini-[12]/, { structuredOutput: "without-tools" }],
  [GOOGLE, /gemini-(?:1|2\.0)/, { thinking: [], strictTools: false }],
  [GOOGLE, /gemini-2\.5/, { thinking: ["by-default", "effort", "budget", "off"], maxOutputTokens: 65_536 }],
  [GOOGLE, /gemini-2\.5-pro/, { thinking: ["by-default", "effort", "budget", "least"] }],
  [GOOGLE, /gemini-[23]/, { contextWindow: 1_048_576 }],
];

const isKnown = (name: string): boolean => Object.hasOwn(PERMISSIVE, name) || name === "contextWindow" || name === "maxOutputTokens";

/** @param overrides what the client's user knows better. @throws AsimovError `invalid-options` for one that is none */
export function capabilitiesOf(provider: string, model: string, overrides: Partial<Capabilities> = {}): Capabilities {
  const unknown = Object.keys(overrides).find((name) => !isKnown(name));
  if (unknown !== undefined)
    throw new AsimovError(`capabilities: Unrecognized key: ${JSON.stringify(unknown)}.`, { code: "invalid-options" });
  // A model that was tuned further takes what it took before.
  const id = model.toLowerCase().replace(/^ft:/, "");
  const rows = TABLE.filter(([whose, which]) => whose.test(provider) && which.test(id)).map(([, , row]) => row);
  const known = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return Object.assign({}, PERMISSIVE, ...rows, Object.fromEntries(known)) as Capabilities;
}
