/** How a task ended, as a result of a tool: in words for a model, and as data for a program. */
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { maskText } from "#contract/base/secrets";
import type { TaskStatus } from "#contract/base/vocabulary";
import type { JsonSchema } from "#contract/chat/schema";
import { type ServedSchema, servedSchema } from "./task-input.ts";

export interface ToolResult {
  content: { type: "text"; text: string }[];
  structuredContent: Record<string, unknown>;
  isError?: true;
  [key: string]: unknown;
}

const json: JsonSchema = {
  type: "object",
  properties: {
    taskId: { type: "string", description: "By which the task is known" },
    status: { enum: ["COMPLETE", "PARTIAL", "FAILED", "PARKED"], description: "PARKED: it waits, and goes on later" },
    result: { description: "What it gave; absent where it is too large" },
    error: { type: "string", description: "What of it failed, and why" },
    code: { type: "string" },
    resultChars: { type: "number", description: "The size of a result that is too large, as text" },
    questions: { type: "array", items: { type: "object" }, description: "What people are asked" },
    dueAt: { type: "number", description: "When it goes on by itself, in milliseconds since 1970" },
  },
  required: ["status"],
};

export const taskOutput = (): ServedSchema<unknown> => servedSchema(json, async (value) => ({ value }));

const said = (text: string): ToolResult["content"] => [{ type: "text", text }];

/** What a task gave, as text, and as data where it has room. */
function given(result: unknown, maxChars: number): { text: string; data: Record<string, unknown> } {
  if (result === undefined || result === null) return { text: "", data: result === null ? { result } : {} };
  const asJson = JSON.stringify(result);
  const text = typeof result === "string" ? result : asJson;
  if (asJson.length <= maxChars) return { text, data: { result } };
  if (text.length <= maxChars) return { text, data: { resultChars: text.length } };
  const note = `(the result has ${text.length} characters, of which ${maxChars} are shown)`;
  return { text: `${text.slice(0, maxChars)}\n${note}`, data: { resultChars: text.length } };
}

interface EndedTask {
  id: string;
  status: TaskStatus;
  result?: unknown;
  error?: string | undefined;
}

/** @param maxChars of the result */
export function endedResult({ id, status, result, error = "" }: EndedTask, maxChars: number): ToolResult {
  const why = maskText(error);
  const { text, data } = given(result, maxChars);
  const about = { taskId: id, status, ...data, ...(error === "" ? {} : { error: why }) };
  if (status === "COMPLETE") return { content: said(text === "" ? "Done." : text), structuredContent: about };
  const failed = status === "PARTIAL" ? `Not all of task ${id} was done: ${why}` : `Task ${id} failed: ${why}`;
  const content = said(text === "" ? failed : `${text}\n\n${failed}`);
  return { content, structuredContent: about, ...(status === "PARTIAL" ? {} : { isError: true }) };
}

/** What is told of a question: its name, not what is shown to whoever may answer. */
export interface AskedName {
  name: string;
  to?: string;
}

export function parkedResult(
  taskId: string,
  questions: readonly AskedName[],
  dueAt: number | undefined,
  resume: string | undefined,
): ToolResult {
  const asked = questions.map(({ name, to }) => (to === undefined ? name : `${name} (of ${to})`)).join(", ");
  const why = asked === "" ? "a message or a moment" : `an answer to: ${asked}`;
  const next = resume === undefined ? "It goes on later." : `Go on with it later by the tool ${resume}.`;
  return {
    content: said(`Task ${taskId} waits for ${why}. ${next}`),
    structuredContent: {
      taskId,
      status: "PARKED",
      questions: questions.map(({ name, to }) => ({ name, ...(to === undefined ? {} : { to }) })),
      ...(dueAt === undefined ? {} : { dueAt }),
    },
  };
}

/** Of what was thrown before there was an end. */
export function failedResult(error: unknown, taskId?: string): ToolResult {
  const why = maskText(messageOf(error));
  const code = asimovErrorOf(error)?.code;
  return {
    content: said(why),
    structuredContent: {
      status: "FAILED",
      error: why,
      ...(taskId === undefined ? {} : { taskId }),
      ...(code === undefined ? {} : { code }),
    },
    isError: true,
  };
}
