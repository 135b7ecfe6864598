/** How Gemini is told to answer: limits, sampling, thinking and the choice of tools, the same words for both SDKs. */
import type { Thinking } from "#contract/chat/generation";
import type { ModelRequest, WireTool } from "#contract/chat/wire";

type Effort = NonNullable<Exclude<Thinking, boolean>["effort"]>;

export interface GeminiThinking {
  includeThoughts?: boolean;
  thinkingLevel?: "MINIMAL" | "LOW" | "MEDIUM" | "HIGH";
  thinkingBudget?: number;
}

export interface GeminiGeneration {
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  stopSequences?: string[];
  thinkingConfig?: GeminiThinking;
  responseMimeType?: string;
}

export function generationOf({ model, maxTokens, temperature, topP, stopSequences, thinking, output }: ModelRequest): GeminiGeneration {
  const thinkingConfig = thinkingOf(model, thinking);
  return {
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stopSequences === undefined || stopSequences.length === 0 ? {} : { stopSequences: [...stopSequences] }),
    ...(thinkingConfig === undefined ? {} : { thinkingConfig }),
    ...(output === undefined ? {} : { responseMimeType: "application/json" }),
  };
}

export interface GeminiToolConfig {
  functionCallingConfig: { mode: "ANY" | "NONE" | "VALIDATED"; allowedFunctionNames?: string[] };
}

/** `undefined` where the model may choose as it likes. A mode that forces calls holds them to their schemas by itself. */
export function toolConfigOf({ tools, toolChoice }: ModelRequest): GeminiToolConfig | undefined {
  if (tools.length === 0) return undefined;
  if (toolChoice === "auto") return tools.some(({ strict }) => strict) ? { functionCallingConfig: { mode: "VALIDATED" } } : undefined;
  if (typeof toolChoice === "string") return { functionCallingConfig: { mode: toolChoice === "any" ? "ANY" : "NONE" } };
  // Names are taken by the modes that validate alone.
  if ("only" in toolChoice) return { functionCallingConfig: { mode: "VALIDATED", allowedFunctionNames: toolChoice.only } };
  return { functionCallingConfig: { mode: "ANY", allowedFunctionNames: [toolChoice.name] } };
}

/** @param declare how an SDK is told of a function */
export function toolsOf(tools: readonly WireTool[], declare: (tool: WireTool) => object): { tools?: object[] } {
  const functionDeclarations = tools.filter(({ definition }) => definition === undefined).map(declare);
  const own = tools.flatMap(({ definition }): object[] => (definition === undefined ? [] : [definition]));
  const all = [...(functionDeclarations.length === 0 ? [] : [{ functionDeclarations }]), ...own];
  return all.length === 0 ? {} : { tools: all };
}

/** Before version 3 models know budgets alone. */
const BUDGETS: Readonly<Record<Effort, number>> = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, max: 24_576 };
const LEVELS = { minimal: "MINIMAL", low: "LOW", medium: "MEDIUM", high: "HIGH", max: "HIGH" } as const;
/** The least that 2.5 Pro takes. */
const PRO_BUDGET = 128;

function thinkingOf(model: string, thinking: Thinking | undefined): GeminiThinking | undefined {
  if (thinking === undefined) return undefined;
  const isPro = /-pro/.test(model);
  const least = isPro ? "LOW" : "MINIMAL";
  // No Pro leaves off thinking, nor does anything since version 3: it thinks as little as it can.
  if (thinking === false) return hasLevels(model) ? { thinkingLevel: least } : { thinkingBudget: isPro ? PRO_BUDGET : 0 };
  const { effort, budgetTokens, display } = thinking === true ? {} : thinking;
  const shown = { includeThoughts: display !== "omitted" };
  if (budgetTokens !== undefined) return { ...shown, thinkingBudget: budgetTokens };
  if (effort === undefined) return shown;
  if (!hasLevels(model)) return { ...shown, thinkingBudget: BUDGETS[effort] };
  return { ...shown, thinkingLevel: effort === "minimal" ? least : LEVELS[effort] };
}

/** A model with a name of another form is taken for a new one. */
function hasLevels(model: string): boolean {
  const [, major] = /gemini-(\d+)/.exec(model) ?? [];
  return major === undefined || Number(major) >= 3;
}
