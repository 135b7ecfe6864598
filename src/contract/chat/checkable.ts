/** What zod makes no check of, found without loading the part of it that would say so: a wrong schema is refused where it is written. */

type Keywords = { readonly [keyword: string]: unknown };

const UNKNOWN = ["unevaluatedItems", "unevaluatedProperties", "if", "then", "else", "dependentSchemas", "dependentRequired"] as const;
const COMPOSITIONS = ["anyOf", "oneOf", "allOf"] as const;
const OLD_DRAFTS: readonly unknown[] = ["http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-04/schema#"];

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const recordOf = (value: unknown): Keywords => (typeof value === "object" && value !== null ? (value as Keywords) : {});

/** It looks where zod's `fromJSONSchema` looks, and nowhere else. @throws Error with the reason */
export function requireCheckable(root: Keywords): void {
  const seen = new Set<unknown>();

  function visit(schema: unknown): void {
    if (typeof schema === "boolean") return;
    if (typeof schema !== "object" || schema === null) throw new Error(`${JSON.stringify(schema)} is no schema`);
    visitBase(schema as Keywords);
    for (const key of COMPOSITIONS) listOf((schema as Keywords)[key]).forEach(visit);
  }

  function visitBase(schema: Keywords): void {
    if (schema.not !== undefined) {
      if (typeof schema.not === "object" && schema.not !== null && Object.keys(schema.not).length === 0) return;
      throw new Error("`not` is not supported");
    }
    const unknown = UNKNOWN.find((key) => schema[key] !== undefined);
    if (unknown !== undefined) throw new Error(`\`${unknown}\` is not supported`);
    if (schema.$ref) {
      if (seen.has(schema.$ref)) return;
      seen.add(schema.$ref);
      visit(targetOf(schema.$ref));
    } else if (schema.enum === undefined && schema.const === undefined) {
      if (Array.isArray(schema.type)) for (const type of schema.type) visitBase({ ...schema, type });
      else if (schema.type) visitType(schema);
    }
  }

  function targetOf(ref: unknown): unknown {
    if (!String(ref).startsWith("#")) throw new Error(`$ref "${ref}" is not supported, only those that start with #/`);
    const [room, name] = String(ref).slice(1).split("/").filter(Boolean);
    if (room === undefined) return root;
    const isKnown = room === (OLD_DRAFTS.includes(root.$schema) ? "definitions" : "$defs") && name !== undefined;
    const target = isKnown ? recordOf(root.$defs || root.definitions)[name.replace(/~1/g, "/").replace(/~0/g, "~")] : undefined;
    if (!target) throw new Error(`$ref "${ref}" leads nowhere`);
    return target;
  }

  function visitType(schema: Keywords): void {
    switch (schema.type) {
      case "string":
        if (schema.pattern) new RegExp(schema.pattern as string);
        break;
      case "number":
      case "integer":
      case "boolean":
      case "null":
        break;
      case "object":
        if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
        Object.values(recordOf(schema.properties)).forEach(visit);
        for (const [pattern, value] of Object.entries(recordOf(schema.patternProperties))) {
          visit(value);
          new RegExp(pattern);
        }
        if (schema.propertyNames !== undefined) visitNames(schema.propertyNames);
        break;
      case "array":
        visitItems(schema);
        if (schema.contains !== undefined) visit(schema.contains);
        break;
      default:
        throw new Error(`Unsupported type: ${schema.type}`);
    }
  }

  function visitItems({ prefixItems, items, additionalItems }: Keywords): void {
    const positions = Array.isArray(prefixItems) ? prefixItems : items;
    const rest = Array.isArray(prefixItems) ? items : additionalItems;
    if (!Array.isArray(positions)) {
      if (positions !== undefined) visit(positions);
      return;
    }
    positions.forEach(visit);
    if (rest !== undefined && !Array.isArray(rest)) visit(rest);
  }

  /** Names are texts, whether it says so or not. */
  function visitNames(schema: unknown): void {
    visit(typeof schema === "object" && schema !== null ? { type: "string", ...schema } : schema);
  }

  visit(root);
}
