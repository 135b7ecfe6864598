/** The keywords of JSON Schema that decide what is valid, by dialect, each with the form of its value. */
import { lazily } from "#contract/base/lazily";

const MAX_SHOWN = 100;
/** As much of a value as a message holds. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

export type Dialect = "7" | "2020-12";

const DIALECTS: readonly (readonly [RegExp, Dialect])[] = [
  [/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, "2020-12"],
  [/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, "7"],
];

/** Of what `$schema` names; 2020-12 where it names none. @throws Error */
export function dialectOf($schema: unknown = "https://json-schema.org/draft/2020-12/schema"): Dialect {
  const known = DIALECTS.find(([address]) => typeof $schema === "string" && address.test($schema));
  if (known !== undefined) return known[1];
  throw new Error(`$schema ${shown($schema)} is not supported, only draft 2020-12 and draft 7 are`);
}

/** A JSON Schema as it was written. */
export type Keywords = { readonly [keyword: string]: unknown };

/** Forms of values that hold schemas. */
export type Holder = "schema" | "schemas" | "schema or schemas" | "named schemas" | "patterned schemas" | "dependencies";
type Plain = "type" | "list" | "json" | "number" | "divisor" | "count" | "flag" | "text" | "pattern" | "names" | "named names";

interface Keyword {
  form: Holder | Plain;
  /** Whether it says what is valid. */
  decides: boolean;
}

export const isHolder = (form: Holder | Plain): form is Holder => !(form in FORMS);

const DECIDING = {
  type: "type",
  enum: "list",
  const: "json",
  multipleOf: "divisor",
  maximum: "number",
  exclusiveMaximum: "number",
  minimum: "number",
  exclusiveMinimum: "number",
  maxLength: "count",
  minLength: "count",
  pattern: "pattern",
  maxItems: "count",
  minItems: "count",
  uniqueItems: "flag",
  contains: "schema",
  maxProperties: "count",
  minProperties: "count",
  required: "names",
  properties: "named schemas",
  patternProperties: "patterned schemas",
  additionalProperties: "schema",
  propertyNames: "schema",
  dependencies: "dependencies",
  allOf: "schemas",
  anyOf: "schemas",
  oneOf: "schemas",
  not: "schema",
  if: "schema",
  then: "schema",
  else: "schema",
} as const;

/** What others refer to, and what is for people; `format` is of these in both dialects. */
const NOTING = {
  $ref: "text",
  $id: "text",
  $comment: "text",
  $defs: "named schemas",
  definitions: "named schemas",
  title: "text",
  description: "text",
  examples: "list",
  readOnly: "flag",
  writeOnly: "flag",
  format: "text",
  contentEncoding: "text",
  contentMediaType: "text",
} as const;

const DRAFT_7 = { items: "schema or schemas", additionalItems: "schema" } as const;
const DRAFT_2020_12 = {
  prefixItems: "schemas",
  items: "schema",
  unevaluatedItems: "schema",
  minContains: "count",
  maxContains: "count",
  unevaluatedProperties: "schema",
  dependentRequired: "named names",
  dependentSchemas: "named schemas",
} as const;

function keywords(deciding: Record<string, Holder | Plain>, noting: Record<string, Holder | Plain>): ReadonlyMap<string, Keyword> {
  const entries = (table: Record<string, Holder | Plain>, decides: boolean) =>
    Object.entries(table).map(([name, form]): [string, Keyword] => [name, { form, decides }]);
  return new Map([...entries({ ...DECIDING, ...deciding }, true), ...entries({ ...NOTING, ...noting }, false)]);
}

/** Any other keyword says nothing. */
export const UNKNOWN: Keyword = { form: "json", decides: false };

export const KEYWORDS: Readonly<Record<Dialect, () => ReadonlyMap<string, Keyword>>> = {
  "7": lazily(() => keywords(DRAFT_7, {})),
  "2020-12": lazily(() => keywords(DRAFT_2020_12, { $anchor: "text", $dynamicAnchor: "text", deprecated: "flag" })),
};

const TYPES: readonly unknown[] = ["object", "array", "string", "number", "integer", "boolean", "null"];
const isText = (value: unknown): value is string => typeof value === "string";
const isNames = (value: unknown): boolean => Array.isArray(value) && value.every(isText) && new Set(value).size === value.length;
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What each form is called, and whether a value has it. */
const FORMS: Readonly<Record<Plain, readonly [string, (value: unknown) => boolean]>> = {
  type: [
    `one of ${TYPES.join(", ")}, or a list of them`,
    (value) =>
      Array.isArray(value) ? value.length > 0 && isNames(value) && value.every((type) => TYPES.includes(type)) : TYPES.includes(value),
  ],
  list: ["a list", Array.isArray],
  json: ["JSON", () => true],
  number: ["a number", (value) => typeof value === "number"],
  divisor: ["a number above 0", (value) => typeof value === "number" && value > 0],
  count: ["a whole number of at least 0", (value) => Number.isInteger(value) && (value as number) >= 0],
  flag: ["true or false", (value) => typeof value === "boolean"],
  text: ["a text", isText],
  pattern: ["a regular expression, as a text", isText],
  names: ["a list of texts, each once", isNames],
  "named names": ["an object of lists of texts, each once", (value) => isObject(value) && Object.values(value).every(isNames)],
};

/** @throws Error */
export function requireForm(form: Plain, value: unknown): void {
  const [expected, fits] = FORMS[form];
  if (!fits(value)) throw new Error(`expected ${expected}, got ${shown(value)}`);
  if (form === "pattern") requirePattern(value as string);
}

/** With the flag that the validator gives it. @throws Error */
export function requirePattern(pattern: string): void {
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    throw new Error(`${(error as Error).message} (a pattern is JavaScript's, with the flag u)`);
  }
}
