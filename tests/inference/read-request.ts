/** What a request says, read from its body in the words of its provider: turns with texts, calls and results, and where caching ends. */
import type { InferenceServerFormat } from "#testing/servers/inference-server";

type Json = Record<string, unknown>;

/** Of `said`: "text:…", "call:ID NAME INPUT", "result:ID TEXT", "thought". */
export interface SaidTurn {
  role: string;
  said: string[];
}

const listOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const textIn = (value: unknown): string =>
  typeof value === "string"
    ? value
    : listOf(value)
        .map(({ text }) => String(text ?? ""))
        .join("");
const call = (id: unknown, name: unknown, input: unknown): string =>
  `call:${String(id)} ${String(name)} ${typeof input === "string" ? input : JSON.stringify(input)}`;

function anthropicBlock({ type, text, id, name, input, tool_use_id, content }: Json): string {
  if (type === "text") return `text:${String(text)}`;
  if (type === "tool_use") return call(id, name, input);
  return type === "tool_result" ? `result:${String(tool_use_id)} ${textIn(content)}` : "thought";
}

function bedrockBlock({ text, toolUse, toolResult, cachePoint }: Json): string[] {
  if (cachePoint !== undefined) return [];
  if (text !== undefined) return [`text:${String(text)}`];
  const { toolUseId, name, input } = (toolUse ?? {}) as Json;
  if (toolUse !== undefined) return [call(toolUseId, name, input)];
  const { toolUseId: id, content } = (toolResult ?? {}) as Json;
  return [toolResult === undefined ? "thought" : `result:${String(id)} ${textIn(content)}`];
}

function responsesItem({ type, role, content, call_id, name, arguments: input, output }: Json): SaidTurn {
  if (type === "function_call") return { role: "assistant", said: [call(call_id, name, input)] };
  if (type === "function_call_output") return { role: "user", said: [`result:${String(call_id)} ${textIn(output)}`] };
  return type === "reasoning" ? { role: "assistant", said: ["thought"] } : { role: String(role), said: [`text:${textIn(content)}`] };
}

function chatMessage({ role, content, tool_calls, tool_call_id }: Json): SaidTurn {
  if (role === "tool") return { role: "user", said: [`result:${String(tool_call_id)} ${textIn(content)}`] };
  const calls = listOf(tool_calls).map(({ id, function: called }) => call(id, (called as Json).name, (called as Json).arguments));
  return { role: String(role), said: [...(content === null ? [] : [`text:${textIn(content)}`]), ...calls] };
}

function geminiPart({ text, thought, functionCall, functionResponse }: Json): string {
  if (thought === true) return "thought";
  if (text !== undefined) return `text:${String(text)}`;
  const { id, name, args } = (functionCall ?? {}) as Json;
  if (functionCall !== undefined) return call(id ?? name, name, args);
  if (functionResponse === undefined) return "thought";
  const { id: of, name: whose, response } = functionResponse as Json;
  return `result:${String(of ?? whose)} ${Object.values(response as Json).join("")}`;
}

/** What follows one another by the same speaker is one turn. */
function joined(turns: readonly SaidTurn[]): SaidTurn[] {
  const whole: SaidTurn[] = [];
  for (const { role, said } of turns) {
    const last = whole.at(-1);
    if (last?.role === role) last.said.push(...said);
    else whole.push({ role, said: [...said] });
  }
  return whole;
}

/** The conversation without the system's part. Messages of OpenAI's that the others have as one are one here too. */
export function turnsIn(format: InferenceServerFormat, body: unknown): SaidTurn[] {
  const { messages, input, contents } = body as Json;
  switch (format) {
    case "anthropic":
      return listOf(messages).map(({ role, content }) => ({ role: String(role), said: listOf(content).map(anthropicBlock) }));
    case "bedrock":
      return listOf(messages).map(({ role, content }) => ({ role: String(role), said: listOf(content).flatMap(bedrockBlock) }));
    case "openai-responses":
      return joined(listOf(input).map(responsesItem));
    case "openai-chat":
      return joined(listOf(messages).map(chatMessage));
    case "gemini":
      return listOf(contents).map(({ role, parts }) => ({
        role: role === "model" ? "assistant" : String(role),
        said: listOf(parts).map(geminiPart),
      }));
  }
}

const MARKS = ["cache_control", "cachePoint", "prompt_cache_breakpoint"];

/** The places of cache markers, as paths. */
export function marksIn(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => (MARKS.includes(key) ? [path] : marksIn(child, `${path}/${key}`)));
}

/** The same without markers; a block that is nothing but one goes whole. */
export function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks).filter((entry) => JSON.stringify(entry) !== "{}");
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, child]) => (MARKS.includes(key) ? [] : [[key, withoutMarks(child)]])));
}
