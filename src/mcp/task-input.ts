/** What a client gives for a task: its objective in words, and params by the schema of whoever serves the agent. */
import * as z from "zod/mini";
import { AsimovError, messageOf } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { anyObject, isObject, kindOf, parseOptions } from "#contract/base/options";
import type { CompiledSchema, JsonSchema } from "#contract/chat/schema";

export interface TaskInput {
  objective: string;
  params: Record<string, unknown>;
}

type Verdict<T> = { value: T } | { issues: { message: string }[] };

/** A schema as the protocol's server takes it. */
export interface ServedSchema<T> {
  "~standard": {
    version: 1;
    vendor: "asimov-agents";
    validate(value: unknown): Promise<Verdict<T>>;
    jsonSchema: { input(): JsonSchema; output(): JsonSchema };
  };
}

export const servedSchema = <T>(json: JsonSchema, validate: (value: unknown) => Promise<Verdict<T>>): ServedSchema<T> => ({
  "~standard": { version: 1, vendor: "asimov-agents", validate, jsonSchema: { input: () => json, output: () => json } },
});

/** What a reference to the schema's own root means once the schema stands within another. */
function moved(value: unknown, to: string): unknown {
  if (Array.isArray(value)) return value.map((entry) => moved(entry, to));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) => {
    const isOwn = key === "$ref" && typeof entry === "string" && entry.startsWith("#");
    return [key, isOwn ? `#${to}${entry.slice(1)}` : moved(entry, to)];
  });
  return Object.fromEntries(entries);
}

/** Of a schema that takes no object no call could be made. @throws AsimovError `invalid-schema` */
export function requireObjectSchema({ json: { type = "object" } }: CompiledSchema): void {
  if ([type].flat().includes("object")) return;
  throw new AsimovError(`serveMcp: params: expected a schema of an object, got one of type ${JSON.stringify(type)}.`, {
    code: "invalid-schema",
  });
}

const envelope = lazily(() => z.strictObject({ objective: z.string(), params: z.optional(anyObject) }));

/** @param params its JSON Schema is told; absent, any object is taken */
export function taskInput(params: CompiledSchema | undefined): ServedSchema<TaskInput> {
  const own = params?.json ?? { type: "object" };
  const isNeeded = Array.isArray(own.required) && own.required.length > 0;
  const json: JsonSchema = {
    type: "object",
    properties: {
      objective: { type: "string", description: "What is wanted, in words" },
      params: moved(own, "/properties/params"),
    },
    required: isNeeded ? ["objective", "params"] : ["objective"],
    additionalProperties: false,
  };
  return servedSchema(json, async (value) => {
    try {
      const { objective, params: given = {} } = parseOptions(envelope(), value, "input");
      const checked = params === undefined ? { value: given } : await params.check(given);
      if ("faults" in checked) return { issues: [{ message: `params: ${checked.faults}` }] };
      if (isObject(checked.value)) return { value: { objective, params: checked.value } };
      const message = `params: expected an object; the schema of this tool makes ${kindOf(checked.value)} of it, which whoever serves it must mend`;
      return { issues: [{ message }] };
    } catch (error) {
      return { issues: [{ message: messageOf(error) }] };
    }
  });
}

const byId = lazily(() => z.strictObject({ taskId: z.string().check(z.minLength(1)) }));

/** Of the tool that goes on with a task. */
export const idInput = (): ServedSchema<{ taskId: string }> =>
  servedSchema(
    {
      type: "object",
      properties: { taskId: { type: "string", description: "As an earlier call told it" } },
      required: ["taskId"],
      additionalProperties: false,
    },
    async (value) => {
      const { success, data, error } = byId().safeParse(value);
      return success ? { value: data } : { issues: error.issues.map(() => ({ message: "expected { taskId }, a text" })) };
    },
  );
