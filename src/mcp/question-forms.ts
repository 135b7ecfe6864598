/** Questions of a run as forms that a client shows to its user, and what was filled in as answers. */
import type { JsonSchema } from "#contract/chat/schema";
import type { Question } from "#contract/run/question";
import { servedSchema } from "./task-input.ts";

/** Makes the protocol's request of a form. @throws TypeError for what no form can say */
export type ToForm = (params: { message: string; requestedSchema: never }) => object;

/** What is remembered of a question between the form and its answer. */
export interface Asked {
  id: string;
  name: string;
  shownHash: string;
  kind: Question["kind"];
  to?: string;
}

/** An edited input has no form. */
const APPROVAL_FORM: JsonSchema = {
  type: "object",
  properties: {
    approve: { type: "boolean", title: "Run it" },
    reason: { type: "string", title: "Why not" },
  },
  required: ["approve"],
};

const MAX_SHOWN = 4_000;

function messageOf({ name, shown, problem }: Question, fault: string | undefined): string {
  const text = typeof shown === "string" ? shown : JSON.stringify(shown, undefined, 2);
  const wrong = fault ?? problem;
  const cut = text === undefined ? name : `${name}\n${text.slice(0, MAX_SHOWN)}${text.length > MAX_SHOWN ? " …" : ""}`;
  return wrong === undefined ? cut : `${cut}\n\nThe answer before was not taken: ${wrong}`;
}

/** The question as a form; undefined where its schema has none. @param fault why its answer was not taken */
export function formOf(question: Question, toForm: ToForm, fault: string | undefined): object | undefined {
  // Every form is closed: the protocol has no word for it.
  const { additionalProperties: _closed, ...json } = question.kind === "tool-approval" ? APPROVAL_FORM : question.schema;
  try {
    const requestedSchema = servedSchema(json, async (value) => ({ value })) as never;
    return toForm({ message: messageOf(question, fault), requestedSchema });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

export const askedOf = ({ id, name, shownHash, kind, to }: Question): Asked => ({
  id,
  name,
  shownHash,
  kind,
  ...(to === undefined ? {} : { to }),
});

/** What was filled in; undefined where the user would not. */
export function answerOf({ kind }: Asked, response: unknown): unknown {
  const { action, content } = (response ?? {}) as { action?: unknown; content?: Record<string, unknown> };
  if (action !== "accept" || content === undefined) return undefined;
  if (kind !== "tool-approval") return content;
  return content.approve === true ? { approve: true } : { deny: typeof content.reason === "string" ? content.reason : "" };
}
