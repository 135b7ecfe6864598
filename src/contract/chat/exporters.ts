/**
 * Schemas of libraries as JSON Schema, by the libraries' own exporters. What JSON cannot hold is refused by its place; what only the
 * library can check, as a refinement, is left to it.
 */

import * as z from "zod/mini";
import { AsimovError, messageOf } from "#contract/base/errors";
import { loading } from "#contract/base/loading";
import { step } from "./references.ts";
import { isZod, type JsonSchema, type StandardSchema, tellingOf } from "./standard-schema.ts";

type Exporter = (schema: StandardSchema) => JsonSchema;
/** One that comes in a package of its own. */
interface LateExporter {
  name: string;
  /** What to do where the package cannot be loaded. */
  otherwise: string;
  exporter(exports: object): Exporter;
}

/** What a model or a person writes is the schema's input: fields with a default are optional there. */
const TARGET = "draft-2020-12";
/** Stands in an exported schema for what could not be said. */
const UNSAID = "~unsaid";

const tell = (schema: StandardSchema, libraryOptions: Readonly<Record<string, unknown>>): JsonSchema | undefined =>
  tellingOf(schema)?.input({ target: TARGET, libraryOptions });

/** @throws Error with the place of what was not said */
function whole(json: JsonSchema): JsonSchema {
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (UNSAID in value) throw new Error(`at ${at}: ${value[UNSAID]}`);
    for (const [key, child] of Object.entries(value)) visit(child, step(at, key));
  };
  visit(json, "#");
  return json;
}

interface ZodContext {
  zodSchema: { _zod: { def: { type: string; values?: unknown[]; checks?: { _zod: { def: { pattern?: RegExp } } }[] } } };
  jsonSchema: { [keyword: string]: unknown };
  path?: PropertyKey[];
}

const NO_JSON: ReadonlySet<string> = new Set([
  ...["bigint", "symbol", "undefined", "void", "date", "map", "set", "nan", "custom", "function", "transform", "promise", "file"],
]);
const hasNoJson = ({ zodSchema }: ZodContext): boolean => {
  const { type, values = [] } = zodSchema._zod.def;
  return NO_JSON.has(type) || (type === "literal" && values.some((value) => value === undefined || typeof value === "bigint"));
};

/** What zod tells otherwise than it checks: of patterns those alone are told that mean the same without their flags. */
function mend({ zodSchema, jsonSchema }: ZodContext): void {
  const { type, checks = [] } = zodSchema._zod.def;
  if (type === "file") throw new Error("File cannot be represented in JSON Schema");
  if (type !== "string" || !checks.some(({ _zod }) => /[ims]/.test(_zod.def.pattern?.flags ?? ""))) return;
  delete jsonSchema.pattern;
  delete jsonSchema.allOf;
}

const byZod: Exporter = (schema) => {
  const exported = (options: { unrepresentable: "throw" | "any"; override(context: ZodContext): void }): JsonSchema => {
    try {
      // A copy of zod knows its own schemas best.
      const own = tell(schema, options);
      if (own !== undefined) return own;
    } catch {
      // Schemas of `zod/mini` within it: it tells of none.
    }
    return z.toJSONSchema(schema as StandardSchema & z.ZodMiniType, { io: "input", ...options } as z.core.ToJSONSchemaParams) as JsonSchema;
  };
  try {
    return exported({ unrepresentable: "throw", override: mend });
  } catch (error) {
    const places: string[] = [];
    exported({
      unrepresentable: "any",
      override(context) {
        if (context.path !== undefined && hasNoJson(context)) places.unshift(context.path.map(String).reduce(step, "#"));
      },
    });
    throw places.length === 0 ? error : new Error(`at ${places.join(" and ")}: ${messageOf(error)}`);
  }
};

const VALIBOT = {
  typeMode: "input",
  target: TARGET,
  overrideSchema: ({ jsonSchema, errors }: { jsonSchema: object; errors?: string[] }) =>
    errors === undefined ? undefined : { ...jsonSchema, [UNSAID]: errors[0] },
  // A check that JSON Schema has no word for is Valibot's; a pattern says something else without its flags.
  overrideAction({ valibotAction, jsonSchema, errors }: { valibotAction: unknown; jsonSchema: { pattern?: string }; errors?: string[] }) {
    if (errors === undefined) return undefined;
    const { pattern, ...rest } = jsonSchema;
    return pattern === (valibotAction as { requirement?: { source?: string } }).requirement?.source ? rest : jsonSchema;
  },
};

interface ArkContext {
  code: string;
  base: object;
}
const base = ({ base }: ArkContext): object => base;
const ARKTYPE = {
  target: TARGET,
  fallback: {
    default: ({ code, base }: ArkContext) => ({ ...base, [UNSAID]: `ArkType has no JSON Schema for it (${code})` }),
    ...{ predicate: base, patternIntersection: base, morph: base },
    defaultValue: () => undefined,
  },
};

/** Before `~standard.jsonSchema`. */
type ArkType = StandardSchema & { in: { toJsonSchema(options: object): JsonSchema } };

const ZOD_3_NO_JSON: Readonly<Record<string, string>> = {
  ...{ ZodDate: "a date", ZodBigInt: "a bigint", ZodMap: "a map", ZodSet: "a set" },
  ...{ ZodSymbol: "a symbol", ZodFunction: "a function", ZodPromise: "a promise" },
};

interface ZodToJsonSchema {
  zodToJsonSchema(schema: StandardSchema, options: object): JsonSchema;
  ignoreOverride: symbol;
}

const ZOD_3: LateExporter = {
  name: "zod-to-json-schema",
  otherwise: "give zod 4's schema, or JSON Schema",
  exporter: (exports) => (schema) => {
    const { zodToJsonSchema, ignoreOverride } = exports as ZodToJsonSchema;
    let hasTuples = false;
    const { $schema, ...json } = zodToJsonSchema(schema, {
      effectStrategy: "input",
      pipeStrategy: "input",
      applyRegexFlags: true,
      override({ typeName }: { typeName: string }, { currentPath }: { currentPath: string[] }) {
        const what = ZOD_3_NO_JSON[typeName];
        if (what !== undefined) throw new Error(`at ${currentPath.join("/")}: JSON has no word for ${what}`);
        hasTuples ||= typeName === "ZodTuple";
        return ignoreOverride;
      },
    });
    // It is of draft 7, and but for tuples means the same in 2020-12.
    return hasTuples ? { $schema, ...json } : json;
  },
};

interface ValibotToJsonSchema {
  toJsonSchema(schema: StandardSchema, options: object): JsonSchema;
}

const VALIBOT_LATE: LateExporter = {
  name: "@valibot/to-json-schema",
  otherwise: "give what its `toStandardJsonSchema` makes of the schema",
  exporter: (exports) => (schema) => whole((exports as ValibotToJsonSchema).toJsonSchema(schema, VALIBOT)),
};

/** By the options that make its library say what it cannot say. */
const bySelf =
  (options: Readonly<Record<string, unknown>>): Exporter =>
  (schema) =>
    whole(tell(schema, options) as JsonSchema);

function exporterOf(schema: StandardSchema): Exporter | LateExporter {
  const { vendor } = schema["~standard"];
  const tells = tellingOf(schema) !== undefined;
  if (isZod(schema)) return byZod;
  switch (vendor) {
    case "valibot":
      return tells ? bySelf(VALIBOT) : VALIBOT_LATE;
    case "arktype":
      return tells ? bySelf(ARKTYPE) : () => whole((schema as ArkType).in.toJsonSchema(ARKTYPE));
    default:
      if (tells) return bySelf({});
      if (vendor === "zod") return ZOD_3;
      throw new Error(`its library, ${vendor}, tells no JSON Schema of it; give JSON Schema instead`);
  }
}

/** By a name that bundlers do not follow, since who needs none of these need not have them. */
async function load({ name, otherwise, exporter }: LateExporter): Promise<Exporter> {
  try {
    return exporter(await loading(() => import(/* webpackIgnore: true */ /* @vite-ignore */ name)));
  } catch (cause) {
    throw new AsimovError(
      `The package ${name}, which tells this schema as JSON Schema, could not be loaded. Install it: npm install ${name}; in a bundle, which cannot load it late, ${otherwise}.`,
      { code: "missing-package", cause },
    );
  }
}

/** The schema as JSON Schema, or what loads it where its exporter comes late. @throws Error with the place of what it cannot say */
export function exportSchema(schema: StandardSchema): JsonSchema | (() => Promise<JsonSchema>) {
  const found = exporterOf(schema);
  return typeof found === "function" ? found(schema) : async () => (await load(found))(schema);
}
