/** The validator of JSON Schema, in words: loaded when something is checked first. */
import { type OutputUnit, type Schema, validate } from "@cfworker/json-schema";
import type { Json } from "#contract/base/json";
import type { Checkable } from "./checkable.ts";

/** What only says that there are faults further in. */
const AROUND: ReadonlySet<string> = new Set([
  ...["$ref", "allOf", "if", "properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "dependentSchemas"],
  ...["items", "prefixItems", "additionalItems", "unevaluatedItems"],
]);
/** More do not help whoever has to mend them. */
const MAX_FAULTS = 20;

/** Every fault, or `undefined` where there is none. */
export function faultsOf(schema: Checkable, value: Json): string | undefined {
  const errors = judge(schema, value);
  if (typeof errors === "string") return errors;
  if (errors.length === 0) return undefined;
  const faults = errors.filter(({ keyword }) => !AROUND.has(keyword)).map((error) => sentence(schema, error));
  const left = faults.length - MAX_FAULTS;
  return left > 0 ? `${faults.slice(0, MAX_FAULTS).join("; ")}; and ${left} more` : faults.join("; ");
}

/** All errors, the first one where they are too many to hold, or why it cannot be judged. */
function judge({ dialect, root, targets }: Checkable, value: Json): OutputUnit[] | string {
  for (const firstOnly of [false, true]) {
    try {
      return validate(value, root as Schema, dialect, targets as Record<string, Schema>, firstOnly).errors;
    } catch (error) {
      // It writes keys as parts of an address.
      if (error instanceof URIError) return "a key in it is no well-formed text";
      // The stack's end.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return "it is nested too deeply to be checked";
}

const unescaped = (step: string): string => decodeURI(step).replaceAll("~1", "/").replaceAll("~0", "~");
const stepsOf = (location: string): string[] => location.split("/").slice(1).map(unescaped);

function sentence(schema: Checkable, { keyword, error, instanceLocation, keywordLocation }: OutputUnit): string {
  const place = stepsOf(instanceLocation).join(".");
  const branch = /.*\/(?:anyOf|oneOf)\/(\d+)\//.exec(keywordLocation)?.[1];
  const words = wordsOf(schema, keyword, error, keywordLocation);
  return `${place === "" ? "" : `${place}: `}${words}${branch === undefined ? "" : ` (alternative ${Number(branch) + 1})`}`;
}

function wordsOf(schema: Checkable, keyword: string, error: string, location: string): string {
  switch (keyword) {
    case "type": {
      const [, got, expected] = /^Instance type "(\w+)" is invalid. Expected "(.*)".$/.exec(error) ?? [];
      return `expected ${expected?.replaceAll('", "', " or ")}, got ${got}`;
    }
    case "false":
      return "it is not allowed";
    case "pattern":
      return `expected a text that matches ${JSON.stringify(valueAt(schema, location))}`;
    case "maxProperties":
      return error.replace("Instance does not have at least", "it has more than").replace(/\.$/, "");
    default:
      return error.replace(/^Instance /, "it ").replace(/\.$/, "");
  }
}

/** What a keyword says, by its place on the way through references. */
function valueAt({ root, targets }: Checkable, location: string): unknown {
  let at: unknown = root;
  for (const step of stepsOf(location)) {
    const value: unknown = (at as Record<string, unknown>)[step];
    at = step === "$ref" && typeof value === "string" ? targets[value] : value;
  }
  return at;
}
