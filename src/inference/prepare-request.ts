/** What is asked of a model becomes a request that the model can take; what it cannot do becomes a warning or an error, never silence. */
import { z } from "zod";
import { type ChatMessage, requireMessages } from "../contract/chat.ts";
import { AsimovError } from "../contract/errors.ts";
import type { GenerateOptions, Thinking, ToolChoice } from "../contract/generation.ts";
import { FinalInferenceError } from "../contract/inference-errors.ts";
import { parseOptions } from "../contract/options.ts";
import { type CompiledSchema, compileSchema, type Schema } from "../contract/schema.ts";
import type { Tool } from "../contract/tool.ts";
import { ChatRole } from "../contract/vocabulary.ts";
import type { ModelRequest, WireMessage, WireTool } from "../contract/wire.ts";
import { placeMarkers } from "./cache-markers.ts";
import type { Capabilities } from "./capabilities.ts";
import { wireMessages } from "./wire-messages.ts";

export interface RequestAbout {
  provider: string;
  model: string;
  capabilities: Capabilities;
  defaults: { maxTokens?: number; thinking?: Thinking };
  unsupported: "warn" | "error";
}

export const thinkingSchema = z.union([
  z.boolean(),
  z.strictObject({
    effort: z.enum(["minimal", "low", "medium", "high", "max"]).optional(),
    budgetTokens: z.int().min(1_024).optional(),
    display: z.enum(["summarized", "omitted"]).optional(),
  }),
]);

/** The options of one call, to be spread into those of a chain. */
export const generateShape = {
  maxTokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  stopSequences: z.array(z.string().min(1)).optional(),
  tools: z
    .array(z.custom<Tool>((value) => typeof (value as Tool | null)?.run === "function", { message: "expected a tool made by defineTool" }))
    .optional(),
  toolChoice: z.union([z.enum(["auto", "any", "none"]), z.strictObject({ name: z.string().min(1) })]).optional(),
  thinking: thinkingSchema.optional(),
  output: z.custom<Schema>((value) => (typeof value === "object" || typeof value === "function") && value !== null).optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, { message: "expected an AbortSignal" }).optional(),
  idleTimeoutMs: z.number().min(1).optional(),
  caching: z.enum(["auto", "manual"]).optional(),
};
const optionsSchema = z.strictObject(generateShape);

const compiled = new WeakMap<object, CompiledSchema>();

function compiledOnce(schema: Schema): CompiledSchema {
  let known = compiled.get(schema);
  if (known === undefined) {
    known = compileSchema(schema, "output");
    compiled.set(schema, known);
  }
  return known;
}

const wireTools = new WeakMap<Tool, WireTool>();

function wireTool(tool: Tool): WireTool {
  let known = wireTools.get(tool);
  if (known === undefined) {
    const { name, description, inputSchema } = tool;
    known = { name, description, inputSchema };
    wireTools.set(tool, known);
  }
  return known;
}

const misuse = (fault: string): AsimovError => new AsimovError(`generate: ${fault}.`, { code: "invalid-options" });

function requireTools(tools: readonly Tool[], choice: ToolChoice): void {
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length) throw misuse("two tools have the same name; give each its own");
  if (typeof choice === "object" && !names.has(choice.name)) throw misuse(`toolChoice names "${choice.name}", which is none of the tools`);
  if (choice === "any" && tools.length === 0) throw misuse('toolChoice "any" needs tools');
}

/** Collects what the model cannot do. */
class Limits {
  readonly warnings: string[] = [];
  readonly #about: RequestAbout;

  constructor(about: RequestAbout) {
    this.#about = about;
  }

  /** @throws FinalInferenceError `unsupported`, where the client is strict */
  exceed(option: string, instead: string): void {
    const { provider, model, unsupported } = this.#about;
    const what = `${provider} ${model} does not take ${option}`;
    if (unsupported === "error") {
      const message = `${what}. Leave it out, choose another model, or set \`capabilities\` where the table is wrong.`;
      throw new FinalInferenceError(message, { code: "unsupported", provider, model });
    }
    this.warnings.push(`${what}; ${instead}.`);
  }
}

/** What the model is asked for, in a form that it takes. */
function fitThinking(asked: Thinking | undefined, forms: Capabilities["thinking"], limits: Limits): Thinking | undefined {
  if (asked === undefined) return undefined;
  if (asked === false) {
    if (forms.includes("off") || forms.includes("between-tools") || forms.length === 0) return forms.length === 0 ? undefined : false;
    limits.exceed("thinking: false", "it thinks as it does by itself");
    return undefined;
  }
  if (forms.length === 0) {
    limits.exceed("thinking", "it was left out");
    return undefined;
  }
  const { effort, budgetTokens, display } = asked === true ? {} : asked;
  const shown = display === undefined ? {} : { display };
  if (budgetTokens !== undefined && !forms.includes("budget")) {
    limits.exceed("thinking.budgetTokens", "it thinks as much as it finds right");
    return effort === undefined && display === undefined ? true : { ...(effort === undefined ? {} : { effort }), ...shown };
  }
  if (budgetTokens === undefined && !forms.includes("effort")) {
    if (effort !== undefined) limits.exceed("thinking.effort", "a budget of tokens takes its place");
    return { budgetTokens: BUDGETS[effort ?? "medium"], ...shown };
  }
  return asked;
}

/** For models that know no effort. */
const BUDGETS = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, max: 32_000 } as const;

function fitToolChoice(
  choice: ToolChoice,
  thinks: boolean,
  { forcedToolChoice, noToolChoice }: Capabilities,
  limits: Limits,
): { choice: ToolChoice; instruction?: string } {
  if (choice === "auto" || (choice === "none" && noToolChoice)) return { choice };
  if (choice === "none") {
    limits.exceed('toolChoice "none"', "it is told not to use tools");
    return { choice: "auto", instruction: "Do not call any tool now; answer in text." };
  }
  if (forcedToolChoice === true || (forcedToolChoice === "without-thinking" && !thinks)) return { choice };
  const name = typeof choice === "object" ? choice.name : undefined;
  limits.exceed(
    name === undefined ? 'toolChoice "any"' : `toolChoice { name: "${name}" }${thinks ? " while it thinks" : ""}`,
    "it is told to call a tool",
  );
  return {
    choice: "auto",
    instruction: name === undefined ? "You must call one of your tools now." : `You must call the tool "${name}" now.`,
  };
}

/** @throws AsimovError `invalid-options`, `invalid-schema`; FinalInferenceError `unsupported` */
export function prepareRequest(
  given: readonly ChatMessage[],
  options: GenerateOptions,
  about: RequestAbout,
): { request: ModelRequest; warnings: string[]; output?: CompiledSchema } {
  requireMessages(given);
  const asked = parseOptions(optionsSchema, options, "generate") as GenerateOptions;
  const { model, capabilities, defaults } = about;
  const { tools = [], toolChoice = "auto", caching = "manual", temperature, topP, stopSequences, output } = asked;
  requireTools(tools, toolChoice);
  const limits = new Limits(about);
  const { system, messages, lacksImages } = wireMessages(given, { ...about, ...capabilities });
  if (messages.length === 0) throw misuse("expected at least one message for this model that is not empty and not of the role SYSTEM");
  if (lacksImages) limits.exceed("images", "a text stands in their place");
  const maxTokens = asked.maxTokens ?? defaults.maxTokens;
  const thinking = fitThinking(asked.thinking ?? defaults.thinking, capabilities.thinking, limits);
  const { choice, instruction } = fitToolChoice(toolChoice, thinking !== undefined && thinking !== false, capabilities, limits);
  const isSampled = temperature !== undefined || topP !== undefined;
  if (isSampled && !capabilities.sampling) limits.exceed("temperature and topP", "they were left out");
  const schema = output === undefined ? undefined : compiledOnce(output);
  const said =
    schema === undefined || capabilities.structuredOutput
      ? []
      : [`Answer with nothing but JSON of this schema: ${JSON.stringify(schema.json)}`];
  const instructions = [...said, ...(instruction === undefined ? [] : [instruction])];
  const whole = instructions.length === 0 ? system : [...system, instructionMessage(instructions)];
  const markers = placeMarkers({ system: whole, messages, tools: tools.map(wireTool) }, capabilities.cacheMarkers, caching);
  if (markers.leftOut > 0 && capabilities.cacheMarkers > 0) {
    limits.warnings.push(
      `${about.provider} takes ${capabilities.cacheMarkers} cache markers at most; ${markers.leftOut} of them were left out.`,
    );
  }
  const request: ModelRequest = {
    model,
    system: marked(whole, markers.system),
    messages: marked(messages, markers.messages),
    tools: tools.map(wireTool),
    toolsMarker: markers.tools,
    toolChoice: choice,
    ...(maxTokens === undefined ? {} : { maxTokens: Math.min(maxTokens, capabilities.maxOutputTokens ?? maxTokens) }),
    ...(capabilities.sampling && temperature !== undefined ? { temperature } : {}),
    ...(capabilities.sampling && topP !== undefined ? { topP } : {}),
    ...(stopSequences === undefined || stopSequences.length === 0 ? {} : { stopSequences }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(schema !== undefined && capabilities.structuredOutput ? { output: schema.json } : {}),
  };
  return { request, warnings: limits.warnings, ...(schema === undefined ? {} : { output: schema }) };
}

const instructionMessage = (instructions: readonly string[]): WireMessage => ({
  role: ChatRole.SYSTEM,
  blocks: [{ type: "text", text: instructions.join("\n\n") }],
  cacheMarker: false,
});

function marked(messages: readonly WireMessage[], positions: readonly number[]): readonly WireMessage[] {
  if (positions.length === 0 && messages.every(({ cacheMarker }) => !cacheMarker)) return messages;
  return messages.map((message, index) => {
    const cacheMarker = positions.includes(index);
    return message.cacheMarker === cacheMarker ? message : { ...message, cacheMarker };
  });
}
