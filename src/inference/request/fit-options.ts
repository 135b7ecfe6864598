/** Tool choice, lengths, sampling and schemas as they are asked for, as far as the model takes them. */
import { AsimovError } from "#contract/base/errors";
import type { ToolChoice } from "#contract/chat/generation";
import type { CompiledSchema, JsonSchema } from "#contract/chat/schema";
import type { Tool } from "#contract/chat/tool";
import type { SchemaFit } from "#contract/chat/wire";
import type { Capabilities } from "./capabilities.ts";
import type { Limits } from "./limits.ts";
import { isCalled } from "./provider-options.ts";

interface FittedChoice {
  choice: ToolChoice;
  instruction?: string;
}

/** The tools that are told, and the choice among them. */
export function fitTools(
  tools: readonly Tool[],
  choice: ToolChoice,
  { toolSubset, strictTools }: Capabilities,
  { provider, limits }: { provider: string; limits: Limits },
): { tools: readonly Tool[]; choice: ToolChoice } {
  const told = tools.filter(({ name, native }) => {
    if (native === undefined || isCalled(provider, native.provider)) return true;
    limits.exceed(`the tool "${name}" of ${native.provider}`, "it was left out");
    return false;
  });
  const twice = told.find(({ name }, at) => told.findIndex((other) => other.name === name) < at);
  if (twice !== undefined) {
    throw new AsimovError(`generate: a tool of ${provider}'s own and another one have the name "${twice.name}"; give each its own.`, {
      code: "invalid-options",
    });
  }
  if (!strictTools && told.some(({ strict }) => strict)) limits.exceed("strict tools", "their inputs are checked before they run");
  if (typeof choice !== "object") return { tools: told, choice: told.length === 0 && choice === "any" ? "auto" : choice };
  const names = "only" in choice ? choice.only : [choice.name];
  const left = told.filter(({ name }) => names.includes(name));
  if (left.length === 0) return { tools: told, choice: "name" in choice ? "auto" : "none" };
  if ("name" in choice) return { tools: told, choice };
  return toolSubset ? { tools: told, choice: { only: left.map(({ name }) => name) } } : { tools: left, choice: "auto" };
}

export function fitToolChoice(
  choice: ToolChoice,
  thinks: boolean,
  { forcedToolChoice, noToolChoice }: Capabilities,
  limits: Limits,
): FittedChoice {
  if (choice === "auto" || (typeof choice === "object" && "only" in choice) || (choice === "none" && noToolChoice)) return { choice };
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

export function fitMaxTokens(asked: number | undefined, { maxOutputTokens }: Capabilities, limits: Limits): number | undefined {
  if (asked === undefined || maxOutputTokens === undefined || asked <= maxOutputTokens) return asked;
  limits.exceed(`maxTokens of ${asked}`, `${maxOutputTokens} take their place`);
  return maxOutputTokens;
}

interface Sampling {
  temperature?: number;
  topP?: number;
}

export function fitSampling(
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

export function fitStops(asked: readonly string[] | undefined, { stopSequences }: Capabilities, limits: Limits): readonly string[] {
  if (asked === undefined || asked.length === 0 || stopSequences) return asked ?? [];
  limits.exceed("stopSequences", "they were left out");
  return [];
}

/** Whether the provider itself sees to it that the answer fits. */
export function isHeldToSchema(
  schema: CompiledSchema | undefined,
  tools: readonly Tool[],
  { structuredOutput, schemaFit }: Capabilities & { schemaFit: (schema: JsonSchema, of: "output") => SchemaFit },
  limits: Limits,
): boolean {
  if (schema === undefined) return false;
  if (structuredOutput === true || (structuredOutput === "without-tools" && tools.length === 0)) {
    const fitted = schemaFit(schema.json, "output");
    if (fitted === "loose") limits.exceed("the schema of the output to the letter", "what comes is checked");
    if (fitted === "refused")
      limits.exceed("objects with free keys in `output`", "it is told to answer with JSON of the schema, which is checked");
    return fitted !== "refused";
  }
  limits.exceed(structuredOutput === false ? "output" : "output beside tools", "it is told to answer with JSON of the schema");
  return false;
}
