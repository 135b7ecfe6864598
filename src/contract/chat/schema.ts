/** Schemas as users write them: zod, any Standard Schema, or JSON Schema; told to models as JSON Schema, and checked on the way in. */
import * as z from "zod/mini";
import { AsimovError, messageOf } from "#contract/base/errors";
import { inEnglish } from "#contract/base/options";
import { requireCheckable } from "./checkable.ts";

export type JsonSchema = { readonly [key: string]: unknown };

/** The interface that zod, Valibot, ArkType and others share; see standardschema.dev. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}
type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

export type Schema = StandardSchema | JsonSchema;

/** What a checked value is, as TypeScript sees it; `unknown` for JSON Schema. */
export type Checked<S extends Schema> = S extends StandardSchema<unknown, infer Output> ? Output : unknown;

/** A schema in both of its uses. */
export interface CompiledSchema {
  readonly json: JsonSchema;
  /** The value with defaults filled in, or every fault as one sentence that a model can act on. */
  check(value: unknown): Promise<{ value: unknown } | { faults: string }>;
}

const isStandard = (schema: Schema): schema is StandardSchema =>
  (typeof schema === "object" || typeof schema === "function") && schema !== null && "~standard" in schema;

/** How a library tells JSON Schema; see standardschema.dev/json-schema. */
interface Telling {
  input(options: { target: string }): JsonSchema;
}
const tellingOf = (schema: StandardSchema): Telling | undefined => (schema["~standard"] as { jsonSchema?: Telling }).jsonSchema;
const isZod = (schema: StandardSchema): schema is StandardSchema & z.ZodMiniType => schema["~standard"].vendor === "zod";

/** @throws AsimovError `invalid-schema` for what cannot be told to a model */
export function compileSchema(schema: Schema, what: string): CompiledSchema {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) {
    throw invalid(what, `expected zod, a Standard Schema or JSON Schema, got ${schema === null ? "null" : typeof schema}`);
  }
  if (isStandard(schema)) return { json: toJsonSchema(schema, what), check: (value) => check(schema, value) };
  const checked = checkedBy(schema, what);
  return { json: schema, check: async (value) => check(await checked(), value) };
}

async function check(schema: StandardSchema, value: unknown): Promise<{ value: unknown } | { faults: string }> {
  const result = await validate(schema, value);
  if (result.issues === undefined) return { value: result.value };
  const faults = result.issues.map(({ message, path }) => {
    const place = (path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return place === "" ? message : `${place}: ${message}`;
  });
  return { faults: faults.join("; ") };
}

/** `zod/mini` has no words for a fault, unless somebody has set a language: it is given ours. */
async function validate(schema: StandardSchema, value: unknown): Promise<StandardResult<unknown>> {
  const { localeError, customError } = z.config();
  const hasWords = !isZod(schema) || tellingOf(schema) !== undefined || (localeError ?? customError) !== undefined;
  if (hasWords) return schema["~standard"].validate(value);
  const { data, error } = await schema.safeParseAsync(value, { error: inEnglish });
  return error === undefined ? { value: data } : { issues: error.issues };
}

/** The schema as it is now, made a check of when one is asked for. @throws AsimovError `invalid-schema` where none can be made */
function checkedBy(schema: JsonSchema, what: string): () => Promise<StandardSchema> {
  const refused = (error: unknown): AsimovError => invalid(what, `this JSON Schema cannot be checked (${messageOf(error)})`, error);
  let copy: JsonSchema;
  try {
    copy = JSON.parse(JSON.stringify(schema));
    requireCheckable(copy);
  } catch (error) {
    throw refused(error);
  }
  let made: StandardSchema | undefined;
  return async () => {
    const { fromJSONSchema } = await import("#contract/chat/json-schema");
    try {
      made ??= fromJSONSchema(copy as Parameters<typeof fromJSONSchema>[0]) as unknown as StandardSchema;
      return made;
    } catch (error) {
      throw refused(error);
    }
  };
}

function toJsonSchema(schema: StandardSchema, what: string): JsonSchema {
  try {
    const json = jsonSchemaOf(schema);
    if (json === undefined) throw new Error("its library tells no JSON Schema of it; give JSON Schema instead");
    const { $schema: _dialect, ...rest } = json;
    return rest;
  } catch (error) {
    throw invalid(what, `this schema cannot be told to a model (${messageOf(error)})`, error);
  }
}

/** What the model writes is the schema's input: fields with a default are optional there. */
function jsonSchemaOf(schema: StandardSchema): JsonSchema | undefined {
  const told = (): JsonSchema | undefined => tellingOf(schema)?.input({ target: "draft-2020-12" });
  if (!isZod(schema)) return told();
  try {
    // A copy of zod knows its own schemas best.
    const own = told();
    if (own !== undefined) return own;
  } catch {
    // Schemas of `zod/mini` within it: it tells of none.
  }
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

const invalid = (what: string, fault: string, cause?: unknown): AsimovError =>
  new AsimovError(`${what}: ${fault}.`, { code: "invalid-schema", cause });
