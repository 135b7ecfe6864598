/** A call of a tool that a person decides on before it runs: what is shown of it, what may be answered, and who is asked. */
import { lazily } from "#contract/base/lazily";
import { compileSchema, type JsonSchema } from "./schema.ts";

/** What a person may say of a call: run it as it is, do not (and why, for the model to read), or run it with this input. */
export type Approval = { approve: true } | { deny: string } | { edit: unknown };

/** What is shown of a call; plain JSON. */
export interface ShownCall {
  readonly tool: string;
  readonly description: string;
  /** As the model gave it, before the tool's schema. */
  readonly input: unknown;
  /** What an edited input is held against. */
  readonly inputSchema: JsonSchema;
  readonly toolUseId: string;
}

/** A call as `onApproval` is asked of it. */
export interface ApprovalRequest extends ShownCall {
  /** Why the answer before was not taken. */
  readonly problem?: string;
  /** Aborted when the chain is. */
  readonly signal: AbortSignal;
}

const one = (name: string, value: JsonSchema, title: string): JsonSchema => ({
  type: "object",
  title,
  properties: { [name]: value },
  required: [name],
  additionalProperties: false,
});

/** The same for every tool: an edited input is held against the tool's own schema where the chain goes on. */
export const APPROVAL_SCHEMA: JsonSchema = {
  anyOf: [
    one("approve", { const: true }, "Run it as it is"),
    one("deny", { type: "string" }, "Do not run it, for this reason"),
    one("edit", {}, "Run it with this input"),
  ],
};

const compiled = lazily(() => compileSchema(APPROVAL_SCHEMA, "approval"));

/** @param judge what is wrong with an edited input, if anything */
export async function checkApproval(
  answer: unknown,
  judge: (edit: unknown) => Promise<string | undefined>,
): Promise<{ value: Approval } | { faults: string }> {
  const checked = await compiled().check(answer);
  if ("faults" in checked) return { faults: `expected { approve: true }, { deny: reason } or { edit: input } (${checked.faults})` };
  const value = checked.value as Approval;
  const faults = "edit" in value ? await judge(value.edit) : undefined;
  return faults === undefined ? { value } : { faults };
}

/** One call, as a chain has it decided. */
export interface Undecided {
  /** Unlike that of any other call of the module, and the same for the same call when the module runs again. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** Called where nobody was asked before; undefined where nobody need be. */
  show(): Promise<ShownCall | undefined>;
  /** What is wrong with an edited input, if anything: then it is asked anew. */
  judge(edit: unknown): Promise<string | undefined>;
  /** The call only waits while that is done. */
  wait<T>(work: () => Promise<T>): Promise<T>;
}

/** Whom a chain has its tools' calls decided by, and what is told when only that is left to do. */
export interface Approvals {
  /** What was decided, or is asked for now; undefined where nobody need be asked. */
  decide(call: Undecided): Promise<Approval | undefined>;
  /** All that the chain still does waits for decisions. Returns the end of that, which settles when it may work again. */
  rest(): () => Promise<void>;
}
