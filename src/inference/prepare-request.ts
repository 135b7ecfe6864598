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

const thinkingSchema = z.union([
  z.boolean(),
  z.strictObject({
    effort: z.enum(["minimal", "low", "medium", "high", "max"]).optional(),
    budgetTokens: z.int().min(1_024).optional(),
    display: z.enum(["summarized", "omitted"]).optional(),
  }),
]);

function isTool(value: unknown): value is Tool {
  const tool = value as Partial<Tool> | null | undefined;
  return typeof tool?.name === "string" && typeof tool.inputSchema === "object" && typeof tool.run === "function";
}

/** Signals of other realms are signals too. */
function isSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null | undefined;
  return typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function";
}

const generateShape = {
  maxTokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  stopSequences: z.array(z.string().min(1)).optional(),
  tools: z.array(z.custom<Tool>(isTool, { message: "expected a tool made by defineTool" })).optional(),
  toolChoice: z.union([z.enum(["auto", "any", "none"]), z.strictObject({ name: z.string().min(1) })]).optional(),
  thinking: thinkingSchema.optional(),
  output: z
    .custom<Schema>((value) => (typeof value === "object" || typeof value === "function") && value !== null, {
      message: "expected zod, a Standard Schema or JSON Schema",
    })
    .optional(),
  signal: z.custom<AbortSignal>(isSignal, { message: "expected an AbortSignal" }).optional(),
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
  const names = new Set<string>();
  for (const { name } of tools) {
    if (names.has(name)) throw misuse(`two tools have the name "${name}"; give each its own`);
    names.add(name);
  }
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

/** For models that know no effort. */
const BUDGETS = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, max: 32_000 } as const;
const MIN_BUDGET = 1_024;

/** What the model is asked for, in a form that it takes. */
function fitThinking(
  asked: Thinking | undefined,
  maxTokens: number | undefined,
  forms: Capabilities["thinking"],
  limits: Limits,
): Thinking | undefined {
  if (asked === undefined) return undefined;
  if (asked === false) return fitNoThinking(forms, limits);
  const takesEffort = forms.includes("effort");
  const takesBudget = forms.includes("budget");
  if (!takesEffort && !takesBudget) {
    if (asked !== true || !forms.includes("by-default")) limits.exceed("thinking", "it was left out");
    return undefined;
  }
  const { effort, budgetTokens, display } = asked === true ? {} : asked;
  if (budgetTokens !== undefined && !takesBudget) limits.exceed("thinking.budgetTokens", "it thinks as much as it finds right");
  if (effort !== undefined && !takesEffort) limits.exceed("thinking.effort", "a budget of tokens takes its place");
  const own = takesEffort ? undefined : BUDGETS[effort ?? "medium"];
  const budget = fitBudget(takesBudget ? budgetTokens : undefined, own, maxTokens, limits);
  if (budget === "none") return undefined;
  const fitted = {
    ...(effort === undefined || !takesEffort ? {} : { effort }),
    ...(budget === undefined ? {} : { budgetTokens: budget }),
    ...(display === undefined ? {} : { display }),
  };
  return Object.keys(fitted).length === 0 ? true : fitted;
}

function fitNoThinking(forms: Capabilities["thinking"], limits: Limits): false | undefined {
  if (forms.includes("off")) return false;
  if (forms.length === 0) return undefined;
  if (forms.includes("between-tools")) limits.exceed("thinking: false", "it still thinks between tools");
  else if (forms.includes("least")) limits.exceed("thinking: false", "it thinks as little as it can");
  else {
    limits.exceed("thinking: false", "it thinks as it does by itself");
    return undefined;
  }
  return false;
}

/** Thoughts count as output: a budget that leaves nothing for the answer is refused by all who take one. */
function fitBudget(
  asked: number | undefined,
  own: number | undefined,
  maxTokens: number | undefined,
  limits: Limits,
): number | "none" | undefined {
  const budget = asked ?? own;
  if (budget === undefined || maxTokens === undefined || budget < maxTokens) return budget;
  const half = Math.floor(maxTokens / 2);
  if (half < MIN_BUDGET) {
    limits.exceed(`thinking within ${maxTokens} tokens`, "it was left out");
    return "none";
  }
  if (asked !== undefined) limits.exceed(`thinking.budgetTokens of ${asked} within ${maxTokens} tokens`, `${half} take their place`);
  return half;
}

/** Whether the model will think, asked or not. */
function willThink(thinking: Thinking | undefined, forms: Capabilities["thinking"]): boolean {
  if (thinking === false) return !forms.includes("off");
  return thinking !== undefined || forms.includes("by-default");
}

interface FittedChoice {
  choice: ToolChoice;
  instruction?: string;
}

function fitToolChoice(
  choice: ToolChoice,
  thinks: boolean,
  { forcedToolChoice, noToolChoice }: Capabilities,
  limits: Limits,
): FittedChoice {
  if (choice === "auto" || (choice === "none" && noToolChoice)) return { choice };
  if (choice === "none") {
    limits.exceed('toolChoice "none"', "it is told not to use tools");
    return { choice: "auto", instruction: "Do not call any tool now; answer in text." };
  }
  if (forcedToolChoice === true || (forcedToolChoice === "without-thinking" && !thinks)) return { choice };
  const name = typeof choice === "object" ? choice.name : undefined;
  const option = name === undefined ? 'toolChoice "any"' : `toolChoice { name: "${name}" }`;
  const mayBeForced = forcedToolChoice === "without-thinking";
  limits.exceed(
    mayBeForced ? `${option} while it thinks` : option,
    mayBeForced ? "it is told to call a tool; with thinking: false it can be forced" : "it is told to call a tool",
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
  const maxTokens = fitMaxTokens(asked.maxTokens ?? defaults.maxTokens, capabilities, limits);
  const thinking = fitThinking(asked.thinking ?? defaults.thinking, maxTokens, capabilities.thinking, limits);
  const thinks = willThink(thinking, capabilities.thinking);
  const { choice, instruction } = fitToolChoice(toolChoice, thinks, capabilities, limits);
  const sampling = fitSampling({ temperature, topP }, thinks, capabilities, limits);
  const schema = output === undefined ? undefined : compiledOnce(output);
  const isHeld = isHeldToSchema(schema, tools, capabilities, limits);
  const said = schema === undefined || isHeld ? [] : [`Answer with nothing but JSON of this schema: ${JSON.stringify(schema.json)}`];
  const instructions = [...said, ...(instruction === undefined ? [] : [instruction])];
  const whole = instructions.length === 0 ? system : [...system, instructionMessage(instructions)];
  const markers = placeMarkers({ system: whole, messages, tools: tools.map(wireTool) }, capabilities.cacheMarkers, caching);
  if (markers.leftOut > 0) {
    const most = capabilities.cacheMarkers === 0 ? "no cache markers" : `${capabilities.cacheMarkers} cache markers at most`;
    limits.warnings.push(`${about.provider} ${model} takes ${most}; ${markers.leftOut} of those asked for were left out.`);
  }
  const request: ModelRequest = {
    model,
    system: marked(whole, markers.system),
    messages: marked(messages, markers.messages),
    tools: tools.map(wireTool),
    toolsMarker: markers.tools,
    toolChoice: choice,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...sampling,
    ...(stopSequences === undefined || stopSequences.length === 0 ? {} : { stopSequences }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(schema !== undefined && isHeld ? { output: schema.json } : {}),
  };
  return { request, warnings: limits.warnings, ...(schema === undefined ? {} : { output: schema }) };
}

function fitMaxTokens(asked: number | undefined, { maxOutputTokens }: Capabilities, limits: Limits): number | undefined {
  if (asked === undefined || maxOutputTokens === undefined || asked <= maxOutputTokens) return asked;
  limits.exceed(`maxTokens of ${asked}`, `${maxOutputTokens} take their place`);
  return maxOutputTokens;
}

interface Sampling {
  temperature?: number;
  topP?: number;
}

function fitSampling(
  { temperature, topP }: { temperature: number | undefined; topP: number | undefined },
  thinks: boolean,
  { sampling }: Capabilities,
  limits: Limits,
): Sampling {
  const asked: Sampling = { ...(temperature === undefined ? {} : { temperature }), ...(topP === undefined ? {} : { topP }) };
  const names = Object.keys(asked);
  if (names.length === 0 || sampling === true || (sampling === "without-thinking" && !thinks)) return asked;
  const what = names.join(" and ");
  limits.exceed(sampling === false ? what : `${what} while it thinks`, `${names.length > 1 ? "they were" : "it was"} left out`);
  return {};
}

/** Whether the provider itself sees to it that the answer fits. */
function isHeldToSchema(
  schema: CompiledSchema | undefined,
  tools: readonly Tool[],
  { structuredOutput }: Capabilities,
  limits: Limits,
): boolean {
  if (schema === undefined) return false;
  if (structuredOutput === true || (structuredOutput === "without-tools" && tools.length === 0)) return true;
  limits.exceed(structuredOutput === false ? "output" : "output beside tools", "it is told to answer with JSON of the schema");
  return false;
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
