/** What a schema asks of a value by way of others, on the value itself: where that has no end, or is more than the validator sees, it is refused. */
import type { Dialect } from "./dialects.ts";
import type { Decisions, Judged } from "./references.ts";

type Targets = Readonly<Record<string, Judged>>;
type Branch = readonly [keyword: string, schema: Judged];

const LISTS = ["anyOf", "allOf", "oneOf"] as const;
const SINGLE = ["not", "if", "then", "else"] as const;
const NAMED = ["dependentSchemas", "dependencies"] as const;
/** As many as no schema that a person wrote has. */
const MAX_CHECKS = 10_000;

function branchesOf(schema: Decisions, dialect: Dialect, targets: Targets): Branch[] {
  const { $ref } = schema;
  const referred: Branch[] = $ref === undefined ? [] : [["$ref", targets[$ref as string] as Judged]];
  if (referred.length > 0 && dialect === "7") return referred;
  return [
    ...referred,
    ...LISTS.flatMap((keyword) => ((schema[keyword] ?? []) as Judged[]).map((branch): Branch => [keyword, branch])),
    ...(schema.if === undefined ? (["not"] as const) : SINGLE).flatMap((keyword): Branch[] =>
      schema[keyword] === undefined ? [] : [[keyword, schema[keyword] as Judged]],
    ),
    ...NAMED.flatMap((keyword) =>
      Object.values((schema[keyword] ?? {}) as Record<string, Judged | string[]>)
        .filter((branch): branch is Judged => !Array.isArray(branch))
        .map((branch): Branch => [keyword, branch]),
    ),
  ];
}

/** @throws Error with the place */
export function requireJudged(schemas: ReadonlyMap<string, Judged>, dialect: Dialect, targets: Targets): void {
  const branches = new Map<Judged, Branch[]>();
  const places = new Map<Judged, string>();
  for (const [at, schema] of schemas) {
    if (typeof schema === "boolean") continue;
    branches.set(schema, branchesOf(schema, dialect, targets));
    places.set(schema, at);
  }
  requireEnd(branches, places);
  requireSeen(branches, places);
}

function requireEnd(branches: ReadonlyMap<Judged, Branch[]>, places: ReadonlyMap<Judged, string>): void {
  const costs = new Map<Judged, number>();
  const open = new Set<Judged>();
  function costOf(schema: Judged): number {
    const known = costs.get(schema);
    if (known !== undefined) return known;
    if (open.has(schema)) throw new Error(`at ${places.get(schema)}: it refers to itself before it looks at a part of the value`);
    open.add(schema);
    const cost = (branches.get(schema) ?? []).reduce((sum, [, branch]) => sum + costOf(branch), 1);
    open.delete(schema);
    if (cost > MAX_CHECKS) {
      throw new Error(`at ${places.get(schema)}: its branches are ${cost} when they are written out, of at most ${MAX_CHECKS}`);
    }
    costs.set(schema, cost);
    return cost;
  }
  for (const schema of branches.keys()) costOf(schema);
}

/** What sees nothing of what was evaluated around it. */
const APART: readonly string[] = ["not", "if", "dependencies"];
/** The validator hands to these what was evaluated before them beside them, which by the specification they do not see. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  allOf: ["$ref"],
  anyOf: ["$ref"],
  oneOf: ["$ref"],
  then: ["if"],
  else: ["$ref", ...LISTS],
  dependentSchemas: ["$ref", ...LISTS, "if", "dependentSchemas"],
};

function requireSeen(branches: ReadonlyMap<Judged, Branch[]>, places: ReadonlyMap<Judged, string>): void {
  const told = new Set<Judged>();
  function tell(schema: Judged): void {
    if (typeof schema === "boolean" || told.has(schema)) return;
    told.add(schema);
    const keyword = ["unevaluatedProperties", "unevaluatedItems"].find((unevaluated) => (schema[unevaluated] ?? true) !== true);
    if (keyword !== undefined) {
      throw new Error(
        `at ${places.get(schema)}/${keyword}: it is not supported here, in a branch beside other keywords; put it beside the branches`,
      );
    }
    for (const [by, branch] of branches.get(schema) ?? []) if (!APART.includes(by)) tell(branch);
  }
  for (const own of branches.values()) {
    for (const [keyword, branch] of own) {
      if (own.some(([other, beside]) => beside !== branch && BEFORE[keyword]?.includes(other))) tell(branch);
    }
  }
}
