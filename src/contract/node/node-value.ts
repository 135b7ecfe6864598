/** What a completed node gave, as its value: of one module its result, of several by module, of a composite what its graph gave. */
import { listOf } from "#contract/base/growing-list";
import type { Attempt } from "./attempt.ts";
import type { NodeDefinition } from "./definition.ts";
import type { ModuleResult } from "./module.ts";

const resultIn = (json: string): unknown => (JSON.parse(json) as ModuleResult).result;

export function valueOfNode({ modules }: Pick<NodeDefinition, "modules">, { ended }: Pick<Attempt, "ended">): unknown {
  const given = listOf(ended).flatMap(({ module, status, json }) => {
    const name = modules[module]?.name;
    return name === undefined || status !== "success" || json === undefined ? [] : [{ module, name, json }];
  });
  if (modules.length === 1) return given[0] === undefined ? undefined : resultIn(given[0].json);
  const named = given.toSorted((a, b) => a.module - b.module).map(({ name, json }) => [name, resultIn(json)] as const);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
