/** A schema as OpenAI enforces it to the letter: each object names all its keys, needs each, and has no others. */
import type { JsonSchema } from "#contract/chat/schema";
import type { SchemaFit } from "#contract/chat/wire";

/** What is told beside a schema's own children. */
const PLAIN: ReadonlySet<string> = new Set([
  ...["type", "enum", "const", "title", "description", "$ref", "required", "additionalProperties"],
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"],
]);
const FORMATS: ReadonlySet<unknown> = new Set([
  ...["date-time", "time", "date", "duration", "email"],
  ...["hostname", "ipv4", "ipv6", "uuid"],
]);
const MAPS: ReadonlySet<string> = new Set(["properties", "$defs"]);
/** Patterns that look around are refused. */
const LOOKS_AROUND = /\(\?<?[=!]/;

/** Whether a schema can be held to. */
const isExact = (schema: JsonSchema): boolean => schema.type === "object" && isStrict(schema);

/** How structured output is asked for: strictly, where the schema can be held to that. */
export function outputFormat(schema: JsonSchema): { name: string; schema: JsonSchema; strict: boolean } {
  const strict = isExact(schema);
  return { name: "answer", schema: strict ? closed(schema) : schema, strict };
}

/** A tool's, which is strict where that is asked for and can be. */
export const heldSchema = (schema: JsonSchema, strict = false): { schema: JsonSchema; strict?: true } =>
  strict && isExact(schema) ? { schema: closed(schema), strict: true } : { schema };

/** What is not strict is told all the same. */
export const fitOf = (schema: JsonSchema): SchemaFit => (isExact(schema) ? "held" : "loose");

function isStrict(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const schema = value as JsonSchema;
  // A reference stands alone; all else has to say what it is of.
  if (schema.$ref !== undefined) return Object.keys(schema).length === 1;
  if (schema.type === undefined && schema.anyOf === undefined) return false;
  if ([schema.type].flat().includes("array") && schema.items === undefined) return false;
  if (isObject(schema) && !namesAllKeys(schema)) return false;
  return Object.entries(schema).every(([key, child]) => {
    if (PLAIN.has(key)) return true;
    if (key === "format") return FORMATS.has(child);
    if (key === "pattern") return typeof child === "string" && !LOOKS_AROUND.test(child);
    if (MAPS.has(key)) return Object.values(child as object).every(isStrict);
    if (key === "anyOf") return Array.isArray(child) && child.every(isStrict);
    return key === "items" && isStrict(child);
  });
}

const isObject = ({ type, properties }: JsonSchema): boolean => type === "object" || properties !== undefined;

/** Without a word on further keys none are meant, but for an object that names none at all. */
function namesAllKeys({ additionalProperties = false, required, properties }: JsonSchema): boolean {
  const needed = new Set(Array.isArray(required) ? required : []);
  return additionalProperties === false && properties !== undefined && Object.keys(properties as object).every((key) => needed.has(key));
}

/** The same, with that said: zod's plain objects leave it out. */
function closed(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema).map(([key, child]): [string, unknown] => {
    if (MAPS.has(key)) return [key, Object.fromEntries(Object.entries(child as object).map(([name, of]) => [name, closed(of)]))];
    if (key === "anyOf") return [key, (child as JsonSchema[]).map(closed)];
    return [key, key === "items" ? closed(child as JsonSchema) : child];
  });
  return { ...Object.fromEntries(entries), ...(isObject(schema) ? { additionalProperties: false } : {}) };
}
