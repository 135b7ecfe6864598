/** Schemas as users write them: zod, any Standard Schema, or JSON Schema; told as JSON Schema, and checked on the way in. */

import * as z from "zod/mini";
import { AsimovError, asimovErrorOf, messageOf } from "#contract/base/errors";
import { copyJson, type Json } from "#contract/base/json";
import { loading } from "#contract/base/loading";
import { inEnglish } from "#contract/base/options";
import { type Checkable, readJsonSchema } from "./checkable.ts";
import { exportSchema } from "./exporters.ts";
import { isZod, type JsonSchema, type StandardResult, type StandardSchema, tellingOf } from "./standard-schema.ts";

export type { JsonSchema, StandardSchema } from "./standard-schema.ts";

export type Schema = StandardSchema | JsonSchema;

/** What a checked value is, as TypeScript sees it; `unknown` for JSON Schema. */
export type Checked<S extends Schema> = S extends StandardSchema<unknown, infer Output> ? Output : unknown;

/** What a schema takes, before its library has made its value of it. */
export type Given<S extends Schema> = S extends StandardSchema<infer Input, unknown> ? Input : unknown;

type Verdict = { value: unknown } | { faults: string };

/** A schema in both of its uses. */
export interface CompiledSchema {
  /** As a model or a person is told. @throws AsimovError `schema-not-loaded` until `ready` has resolved, where there is one */
  readonly json: JsonSchema;
  /**
   * Loads what tells it as JSON Schema: of schemas alone whose exporter is a package of its own.
   *
   * @throws AsimovError `invalid-schema`; `missing-package` with what to install
   */
  readonly ready?: () => Promise<void>;
  /** The value as the schema's library makes it, of JSON Schema a copy; or every fault as one sentence that a model can act on. */
  check(value: unknown): Promise<Verdict>;
  /** What is wrong with the value, of a schema that can say so at once; undefined where nothing is, and null where only `check` knows. */
  faultsNow(value: unknown): string | undefined | null;
}

const isStandard = (schema: object): schema is StandardSchema => "~standard" in schema;

/** @throws AsimovError `invalid-schema` for what cannot be told as JSON Schema, or not be checked */
export function compileSchema(schema: Schema, what: string): CompiledSchema {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) {
    throw invalid(what, `expected zod, a Standard Schema or JSON Schema, got ${schema === null ? "null" : typeof schema}`);
  }
  return isStandard(schema) ? ofStandard(schema, what) : ofJson(schema, what);
}

function ofStandard(schema: StandardSchema, what: string): CompiledSchema {
  const check = (value: unknown): Promise<Verdict> => checkByLibrary(schema, value);
  const faultsNow = (value: unknown): string | undefined | null => faultsByLibrary(schema, value);
  const untold = (error: unknown): AsimovError => refused(what, "this schema cannot be told as JSON Schema", error);
  let told: JsonSchema | (() => Promise<JsonSchema>);
  try {
    told = exportSchema(schema);
  } catch (error) {
    throw untold(error);
  }
  if (typeof told !== "function") return { json: withoutDefault(told), check, faultsNow };
  const load = told;
  let json: JsonSchema | undefined;
  return {
    get json() {
      if (json !== undefined) return json;
      const message = `${what}: its JSON Schema is made by a package that is loaded late. Await \`ready()\` before it is read.`;
      throw new AsimovError(message, { code: "schema-not-loaded" });
    },
    async ready() {
      try {
        json ??= withoutDefault(await load());
      } catch (error) {
        throw asimovErrorOf(error) ?? untold(error);
      }
    },
    check,
    faultsNow,
  };
}

/** Of the dialect that is meant without a word. */
function withoutDefault(json: JsonSchema): JsonSchema {
  const { $schema, ...rest } = json;
  return typeof $schema === "string" && $schema.startsWith("https://json-schema.org/draft/2020-12/") ? rest : json;
}

async function checkByLibrary(schema: StandardSchema, value: unknown): Promise<Verdict> {
  const result = await validate(schema, value);
  return result.issues === undefined ? { value: result.value } : { faults: faultsIn(result.issues) };
}

function faultsByLibrary(schema: StandardSchema, value: unknown): string | undefined | null {
  const result = schema["~standard"].validate(value);
  if (!(result instanceof Promise)) return result.issues === undefined ? undefined : faultsIn(result.issues);
  // What it says is asked for once more, by whoever waits.
  result.catch(() => {});
  return null;
}

function faultsIn(issues: NonNullable<StandardResult<unknown>["issues"]>): string {
  const faults = issues.map(({ message, path }) => {
    const place = (path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return place === "" ? message : `${place}: ${message}`;
  });
  return faults.join("; ");
}

/** `zod/mini` has no words for a fault, unless somebody has set a language: it is given ours. */
async function validate(schema: StandardSchema, value: unknown): Promise<StandardResult<unknown>> {
  const { localeError, customError } = z.config();
  const hasWords = !isZod(schema) || tellingOf(schema) !== undefined || (localeError ?? customError) !== undefined;
  if (hasWords) return schema["~standard"].validate(value);
  const { data, error } = await (schema as StandardSchema & z.ZodMiniType).safeParseAsync(value, { error: inEnglish });
  return error === undefined ? { value: data } : { issues: error.issues };
}

/** Of JSON Schema, once it was needed: asking for a module that is there costs a fifth of a check. */
let validator: typeof import("#contract/chat/json-schema") | undefined;

/** The schema as it is now. */
function ofJson(schema: JsonSchema, what: string): CompiledSchema {
  let checkable: Checkable;
  try {
    checkable = readJsonSchema(schema);
  } catch (error) {
    throw refused(what, "this JSON Schema cannot be checked", error);
  }
  return {
    json: schema,
    // Its validator is loaded late.
    faultsNow: () => null,
    async check(value) {
      validator ??= await loading(() => import("#contract/chat/json-schema"));
      let copy: Json;
      try {
        copy = copyJson(value as Json, "the value");
      } catch (error) {
        return { faults: messageOf(error) };
      }
      const faults = validator.faultsOf(checkable, copy);
      return faults === undefined ? { value: copy } : { faults };
    },
  };
}

const invalid = (what: string, fault: string, cause?: unknown): AsimovError =>
  new AsimovError(`${what}: ${fault}.`, { code: "invalid-schema", cause });
const refused = (what: string, fault: string, cause: unknown): AsimovError =>
  invalid(what, `${fault} (${messageOf(cause).replace(/\.$/, "")})`, cause);
