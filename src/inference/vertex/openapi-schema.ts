/** A JSON Schema in the words of OpenAPI 3.0 that Vertex knows; what it has no word for is left out, and checked by us all the same. */
import type { JsonSchema } from "../../contract/schema.ts";

const KEPT: ReadonlySet<string> = new Set([
  ...["title", "description", "default", "nullable", "required", "propertyOrdering", "pattern"],
  ...["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
]);
const FORMATS: ReadonlySet<unknown> = new Set(["float", "double", "int32", "int64", "date-time", "enum"]);
/** References within references; a schema that holds itself has no end. */
const MAX_DEPTH = 32;

type Told = Record<string, unknown>;

/** Nothing, where there are no properties to tell of: Vertex refuses an object without any. */
export function openApiParameters(schema: JsonSchema): Told | undefined {
  const { properties } = schema;
  return typeof properties === "object" && properties !== null && Object.keys(properties).length > 0 ? openApiSchema(schema) : undefined;
}

export function openApiSchema(schema: JsonSchema): Told {
  return convert(schema, schema, 0);
}

function convert(given: unknown, root: JsonSchema, depth: number): Told {
  if (depth > MAX_DEPTH) return { type: "OBJECT" };
  const schema = merged(resolved(record(given), root, depth), root, depth);
  const inner = (value: unknown): Told => convert(value, root, depth + 1);
  const told: Told = {};
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) told[key] = value;
    else if (key === "format" && FORMATS.has(value)) told.format = value;
    else if (key === "items") told.items = inner(value);
    else if (key === "properties") {
      told.properties = Object.fromEntries(Object.entries(record(value)).map(([name, of]) => [name, inner(of)]));
    }
  }
  tellTypes(schema, told);
  tellChoices(schema, told);
  const options = [schema.anyOf, schema.oneOf].find(Array.isArray) as unknown[] | undefined;
  if (options !== undefined) tellOptions(options, inner, told);
  if (Array.isArray(schema.prefixItems) && told.items === undefined) told.items = { anyOf: schema.prefixItems.map(inner) };
  return told;
}

/** A list of types becomes one, nullable where null is among them, or options. */
function tellTypes({ type, properties, items }: Told, told: Told): void {
  const types = (Array.isArray(type) ? type : [type]).filter((name): name is string => typeof name === "string");
  const known = types.filter((name) => name !== "null").map((name) => name.toUpperCase());
  if (types.length > known.length) told.nullable = true;
  if (known.length > 1) told.anyOf = known.map((name) => ({ type: name }));
  else if (known[0] !== undefined) told.type = known[0];
  else if (properties !== undefined) told.type = "OBJECT";
  else if (items !== undefined) told.type = "ARRAY";
}

/** Vertex knows choices among strings alone; others are told in words. */
function tellChoices(schema: Told, told: Told): void {
  const choices = Array.isArray(schema.enum) ? schema.enum : "const" in schema ? [schema.const] : undefined;
  if (choices === undefined) return;
  const given = choices.filter((choice) => choice !== null);
  if (given.length < choices.length) told.nullable = true;
  if (given.every((choice) => typeof choice === "string")) {
    if (given.length === 0) return;
    told.enum = given;
    told.type ??= "STRING";
    return;
  }
  const words = `One of ${given.map((choice) => JSON.stringify(choice)).join(", ")}.`;
  told.description = typeof told.description === "string" ? `${told.description} ${words}` : words;
  if (given.every((choice) => typeof choice === "number")) told.type ??= "NUMBER";
  if (given.every((choice) => typeof choice === "boolean")) told.type ??= "BOOLEAN";
}

function tellOptions(options: readonly unknown[], inner: (value: unknown) => Told, told: Told): void {
  const given = options.filter((option) => record(option).type !== "null").map(inner);
  if (given.length < options.length) told.nullable = true;
  const [only] = given;
  if (given.length === 1) Object.assign(told, { ...only, ...told });
  else if (given.length > 1) told.anyOf = given;
}

function resolved(schema: Told, root: JsonSchema, depth: number): Told {
  const { $ref: ref, ...rest } = schema;
  if (typeof ref !== "string" || depth > MAX_DEPTH) return rest;
  let target: unknown = root;
  for (const step of ref.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    target = record(target)[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return { ...resolved(record(target), root, depth + 1), ...rest };
}

/** There is no word for all of several schemas: they become one. */
function merged(schema: Told, root: JsonSchema, depth: number): Told {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return rest;
  const all = [...allOf.map((part) => merged(resolved(record(part), root, depth + 1), root, depth + 1)), rest];
  const properties = Object.assign({}, ...all.map((part) => part.properties));
  const required = [...new Set(all.flatMap((part) => (Array.isArray(part.required) ? part.required : [])))];
  return {
    ...Object.assign({}, ...all),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
  };
}

const record = (value: unknown): Told => (typeof value === "object" && value !== null ? (value as Told) : {});
