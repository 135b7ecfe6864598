/** What is asked of a model becomes a request that the model can take; what it cannot do becomes a warning or an error, never silence. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions, signalSchema } from "#contract/base/options";
import { requireSent } from "#contract/base/require-sent";
import { ChatRole } from "#contract/base/vocabulary";
import type { GenerateOptions, Thinking, ToolChoice } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { type CompiledSchema, compileSchema, type JsonSchema, type Schema } from "#contract/chat/schema";
import { lateTools, type Tool, toolsSchema, twiceNamed } from "#contract/chat/tool";
import type { ModelRequest, SchemaFit, WireMessage, WireTool } from "#contract/chat/wire";
import { placeMarkers } from "./cache-markers.ts";
import type { Capabilities } from "./capabilities.ts";
import { tokensBeside, tokensOfMessage } from "./estimate-tokens.ts";
import { fitMaxTokens, fitSampling, fitStops, fitToolChoice, fitTools, isHeldToSchema } from "./fit-options.ts";
import { fitThinking, willThink } from "./fit-thinking.ts";
import { Limits, type LimitsAbout } from "./limits.ts";
import { pairCalls } from "./pair-calls.ts";
import { extraOf, providerOptionsSchema } from "./provider-options.ts";
import type { ConversationReader, Lacking } from "./wire-messages.ts";

export interface RequestAbout extends LimitsAbout {
  capabilities: Capabilities;
  defaults: { maxTokens?: number; thinking?: Thinking };
  conversation: ConversationReader;
  schemaFit?: (schema: JsonSchema, of: "tool" | "output") => SchemaFit;
}

export interface PreparedRequest {
  request: ModelRequest;
  warnings: string[];
  /** About as many tokens as go in. */
  estimate: number;
  /** Of the calls in the conversation. */
  toolUseIds: ReadonlySet<string>;
  output?: CompiledSchema;
}

const thinkingSchema = lazily(() =>
  z.union([
    z.boolean(),
    z.strictObject({
      effort: z.optional(z.enum(["minimal", "low", "medium", "high", "max"])),
      budgetTokens: z.optional(z.int().check(z.gte(1_024))),
      display: z.optional(z.enum(["summarized", "omitted"])),
    }),
  ]),
);

const generateShape = lazily(() => ({
  maxTokens: z.optional(z.int().check(z.gte(1))),
  temperature: z.optional(z.number().check(z.gte(0), z.lte(2))),
  topP: z.optional(z.number().check(z.gte(0), z.lte(1))),
  stopSequences: z.optional(z.array(nonEmpty)),
  tools: z.optional(toolsSchema),
  toolChoice: z.optional(
    z.union([z.enum(["auto", "any", "none"]), z.strictObject({ name: nonEmpty }), z.strictObject({ only: z.array(nonEmpty) })]),
  ),
  thinking: z.optional(thinkingSchema()),
  output: z.optional(
    z.custom<Schema>(isSchema, {
      message: "expected zod, a Standard Schema or JSON Schema",
    }),
  ),
  signal: z.optional(signalSchema),
  idleTimeoutMs: z.optional(z.number().check(z.gte(1))),
  caching: z.optional(z.enum(["auto", "manual"])),
  providerOptions: z.optional(providerOptionsSchema()),
}));
const optionsSchema = lazily(() => z.strictObject(generateShape()));
const isSchema = (value: unknown): value is Schema => (typeof value === "object" || typeof value === "function") && value !== null;

const compiled = new WeakMap<object, CompiledSchema>();

function compiledOnce(schema: Schema): CompiledSchema {
  let known = compiled.get(schema);
  if (known === undefined) {
    known = compileSchema(schema, "output");
    compiled.set(schema, known);
  }
  return known;
}

/** Loads what tells the schemas that come late; `undefined` where there are none. @throws AsimovError `invalid-schema` */
export function lateSchemas(options: GenerateOptions): (() => Promise<unknown>) | undefined {
  const { tools, output } = options ?? {};
  const late = [...lateTools(tools), ...(isSchema(output) ? [compiledOnce(output).ready ?? []].flat() : [])];
  return late.length === 0 ? undefined : () => Promise.all(late.map((ready) => ready()));
}

const wireTools = new WeakMap<Tool, WireTool>();

function wireTool(tool: Tool): WireTool {
  let known = wireTools.get(tool);
  if (known === undefined) {
    const { name, description, inputSchema, strict, native } = tool;
    const definition = native === undefined ? {} : { definition: native.definition };
    known = { name, description, inputSchema, ...(strict === true ? { strict } : {}), ...definition };
    wireTools.set(tool, known);
  }
  return known;
}

/** The same for the same tool: what was counted once is not counted again. */
const looseTools = new WeakMap<Tool, WireTool>();

function looseTool(tool: Tool): WireTool {
  if (tool.strict !== true) return wireTool(tool);
  let known = looseTools.get(tool);
  if (known === undefined) {
    const { strict: _strict, ...loose } = wireTool(tool);
    known = loose;
    looseTools.set(tool, known);
  }
  return known;
}

const alwaysHeld = (): SchemaFit => "held";

const LEFT_OUT: Readonly<Record<Lacking, string>> = {
  image: "images",
  pdf: "PDF files",
  text: "text files that are not given as data",
  document: "documents but PDF and text",
  audio: "audio files",
  video: "videos",
  system: "files in SYSTEM messages",
  answer: "files in ASSISTANT messages",
  provider: "blocks of other providers, models and APIs",
};

const misuse = (fault: string): AsimovError => new AsimovError(`generate: ${fault}.`, { code: "invalid-options" });

function requireTools(tools: readonly Tool[], choice: ToolChoice): void {
  const twice = twiceNamed(tools);
  if (twice !== undefined) throw misuse(`two tools have the name "${twice}"; give each its own`);
  const names = new Set(tools.map(({ name }) => name));
  const chosen = typeof choice !== "object" ? [] : "only" in choice ? choice.only : [choice.name];
  const unknown = chosen.find((name) => !names.has(name));
  if (unknown !== undefined) throw misuse(`toolChoice names "${unknown}", which is none of the tools`);
  if (choice === "any" && tools.length === 0) throw misuse('toolChoice "any" needs tools');
}

/** @throws AsimovError `invalid-options`, `invalid-schema`; FinalInferenceError `unsupported` */
export function prepareRequest(given: readonly ChatMessage[], options: GenerateOptions, about: RequestAbout): PreparedRequest {
  const { system, messages: conversation, asked: wanted, lacking, tokens, toolUseIds } = about.conversation.read(given);
  const { messages, unanswered, placeOf } = pairCalls(conversation);
  const askedMarkers = { system: wanted.system, messages: wanted.messages.map(placeOf) };
  const asked = parseOptions(optionsSchema(), options, "generate") as GenerateOptions;
  requireSent(asked.providerOptions, "generate: providerOptions");
  const { model, capabilities, defaults } = about;
  const { tools: all = [], toolChoice = "auto", caching = "manual", temperature, topP, stopSequences, output } = asked;
  requireTools(all, toolChoice);
  const limits = new Limits(about);
  const { tools, choice: fitted } = fitTools(all, toolChoice, capabilities, { provider: about.provider, limits });
  if (messages.length === 0) throw misuse("expected at least one message for this model that is not empty and not of the role SYSTEM");
  for (const id of unanswered) limits.warnings.push(`The tool call ${JSON.stringify(id)} had no result, and was given one that says so.`);
  for (const kind of lacking) limits.exceed(LEFT_OUT[kind], kind === "provider" ? "they were left out" : "a text stands in their place");
  const maxTokens = fitMaxTokens(asked.maxTokens ?? defaults.maxTokens, capabilities, limits);
  const thinking = fitThinking(asked.thinking ?? defaults.thinking, maxTokens, capabilities, limits);
  const thinks = willThink(thinking, capabilities.thinking);
  const { choice, instruction } = fitToolChoice(fitted, thinks, capabilities, limits);
  const sampling = fitSampling({ temperature, topP }, thinks, capabilities, limits);
  const stops = fitStops(stopSequences, capabilities, limits);
  const schema = output === undefined ? undefined : compiledOnce(output);
  const { schemaFit = alwaysHeld } = about;
  const isHeld = isHeldToSchema(schema, tools, { ...capabilities, schemaFit }, limits);
  const said = schema === undefined || isHeld ? [] : [`Answer with nothing but JSON of this schema: ${JSON.stringify(schema.json)}`];
  const instructions = [...said, ...(instruction === undefined ? [] : [instruction])];
  const last = instructions.length === 0 ? [] : [instructionMessage(instructions)];
  const whole = [...system, ...last];
  const told = tools.map((tool) => {
    if (tool.strict !== true || !capabilities.strictTools) return looseTool(tool);
    if (schemaFit(tool.inputSchema, "tool") === "held") return wireTool(tool);
    limits.exceed(`the schema of the tool ${JSON.stringify(tool.name)} to the letter`, "what comes is checked");
    return looseTool(tool);
  });
  const extra = extraOf(asked.providerOptions, about.provider);
  const markers = placeMarkers({ system: whole, messages, tools: told, asked: askedMarkers }, capabilities.cacheMarkers, caching);
  if (markers.leftOut > 0) {
    const most = capabilities.cacheMarkers === 0 ? "no cache markers" : `${capabilities.cacheMarkers} cache markers at most`;
    limits.warnings.push(`${about.provider} ${model} takes ${most}; ${markers.leftOut} of those asked for were left out.`);
  }
  const request: ModelRequest = {
    model,
    system: marked(whole, askedMarkers.system, markers.system),
    messages: marked(messages, askedMarkers.messages, markers.messages),
    tools: told,
    toolsMarker: markers.tools,
    toolChoice: choice,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...sampling,
    ...(stops.length === 0 ? {} : { stopSequences: stops }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(schema !== undefined && isHeld ? { output: schema.json } : {}),
    ...(extra === undefined ? {} : { extra }),
    ...(asked.providerOptions === undefined ? {} : { providerOptions: asked.providerOptions }),
  };
  const estimate = last.reduce((sum, message) => sum + tokensOfMessage(message), tokens) + tokensBeside(request);
  return { request, warnings: limits.warnings, estimate, toolUseIds, ...(schema === undefined ? {} : { output: schema }) };
}

const instructionMessage = (instructions: readonly string[]): WireMessage => ({
  role: ChatRole.SYSTEM,
  blocks: [{ type: "text", text: instructions.join("\n\n") }],
  cacheMarker: false,
});

/** A copy: the conversation goes on. */
function marked(messages: readonly WireMessage[], asked: readonly number[], placed: readonly number[]): readonly WireMessage[] {
  const copy = messages.slice();
  const mark = (at: number, cacheMarker: boolean): void => {
    const message = copy[at] as WireMessage;
    if (message.cacheMarker !== cacheMarker) copy[at] = { ...message, cacheMarker };
  };
  for (const at of asked) if (!placed.includes(at)) mark(at, false);
  for (const at of placed) mark(at, true);
  return copy;
}
