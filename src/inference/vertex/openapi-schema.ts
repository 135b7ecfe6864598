/** A JSON Schema in the words of OpenAPI 3.0 that Vertex knows; what it has no word for is told in the description, and checked by us all the same. */
import type { JsonSchema } from "#contract/chat/schema";

const KEPT: ReadonlySet<string> = new Set([
  ...["title", "description", "default", "nullable", "required", "propertyOrdering", "pattern"],
  ...["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
]);
/** Told by other means, or of no use to a model. */
const READ: ReadonlySet<string> = new Set([
  ...["type", "enum", "const", "anyOf", "oneOf", "items", "properties", "prefixItems"],
  ...["$schema", "$id", "$anchor", "$defs", "definitions", "$comment", "examples", "deprecated", "readOnly", "writeOnly"],
]);
const FORMATS: ReadonlySet<unknown> = new Set(["float", "double", "int32", "int64", "date-time", "enum"]);
/** Schemas that one schema may become: what names itself twice doubles with each step, and has no end. */
const MAX_SCHEMAS = 5000;

type Told = Record<string, unknown>;

/** Nothing, where there are no properties to tell of: Vertex refuses an object without any. */
export function openApiParameters(schema: JsonSchema): Told | undefined {
  const { properties } = schema;
  return typeof properties === "object" && properties !== null && Object.keys(properties).length > 0 ? openApiSchema(schema) : undefined;
}

export function openApiSchema(schema: JsonSchema): Told {
  return convert(schema, { root: schema, left: MAX_SCHEMAS }, ["#"]);
}

/** One conversion: where names point into, and how many schemas it may still make. */
interface Walk {
  readonly root: JsonSchema;
  left: number;
}

/** @param within the names on the way here: what names itself is told down to there, and no deeper */
function convert(given: unknown, walk: Walk, within: readonly string[]): Told {
  const { schema, names } = resolved(record(given), walk, within);
  if (schema === undefined) return { type: "OBJECT" };
  const inner = (value: unknown): Told => convert(value, walk, names);
  const told: Told = {};
  const beside: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) told[key] = value;
    else if (key === "format" && FORMATS.has(value)) told.format = value;
    else if (key === "items") told.items = inner(value);
    else if (key === "properties") {
      told.properties = Object.fromEntries(Object.entries(record(value)).map(([name, of]) => [name, inner(of)]));
    } else if (!READ.has(key) && !(key === "additionalProperties" && value === false)) beside.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (beside.length > 0) told.description = [schema.description, `(${beside.join(", ")})`].filter(Boolean).join(" ");
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

/** A schema without its name and without parts; `undefined` where it is within itself, or too much. */
function resolved(given: Told, walk: Walk, within: readonly string[]): { schema: Told | undefined; names: readonly string[] } {
  walk.left -= 1;
  const { $ref: ref, allOf, ...rest } = given;
  const isNamed = typeof ref === "string";
  if (walk.left < 0 || (isNamed && within.includes(ref))) return { schema: undefined, names: within };
  const parts = [...(isNamed ? [targetOf(ref, walk.root)] : []), ...(Array.isArray(allOf) ? allOf : [])];
  if (parts.length === 0) return { schema: rest, names: within };
  const found = parts.map((part) => resolved(record(part), walk, isNamed ? [...within, ref] : within));
  return { schema: merged([...found.map(({ schema }) => schema ?? {}), rest]), names: found.flatMap(({ names }) => names) };
}

function targetOf(ref: string, root: JsonSchema): unknown {
  let target: unknown = root;
  for (const step of ref.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    target = record(target)[step.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return target;
}

/** There is no word for all of several schemas: they become one. */
function merged(all: readonly Told[]): Told {
  const properties = Object.fromEntries(all.flatMap((part) => Object.entries(record(part.properties))));
  const required = [...new Set(all.flatMap((part) => (Array.isArray(part.required) ? part.required : [])))];
  return {
    ...Object.assign({}, ...all),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
  };
}

const record = (value: unknown): Told => (typeof value === "object" && value !== null ? (value as Told) : {});
