/** What a node gave, as whoever reads it by the node's name sees it: in `context.results`, in conditions and in the outcome. */
import { listOf } from "#contract/base/growing-list";
import type { Attempt, ModuleOutcome } from "./attempt.ts";
import type { NodeDefinition } from "./definition.ts";
import type { ModuleResult } from "./module.ts";

function givenBy({ status, json }: ModuleOutcome): { value: unknown } | undefined {
  return status === "success" && json !== undefined ? { value: (JSON.parse(json) as ModuleResult).result ?? null } : undefined;
}

/** Of a visit that succeeded: the only module's result; of several, by module, those that succeeded. Shares nothing. */
export function givenValue({ modules }: Pick<NodeDefinition, "modules">, { ended }: Attempt): unknown {
  const outcomes = listOf(ended).filter(({ module }) => module >= 0);
  if (modules.length < 2) return outcomes.flatMap((outcome) => givenBy(outcome) ?? [])[0]?.value ?? null;
  const given = outcomes
    .toSorted((a, b) => a.module - b.module)
    .flatMap((outcome): [string, unknown][] => {
      const found = givenBy(outcome);
      const name = modules[outcome.module]?.name;
      return found === undefined || name === undefined ? [] : [[name, found.value]];
    });
  return Object.fromEntries(given);
}
