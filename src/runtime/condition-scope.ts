/** What a condition reads, and no more: values may be many, and results large. */
import type { Task } from "#contract/base/task";
import { type CompiledCondition, type ConditionScope, SCOPE_TABLES } from "#contract/node/condition";
import type { Cache } from "#contract/store/cache";
import { allResults, type NodeResults } from "./node-results.ts";

interface Sources {
  readonly task: Task;
  readonly values: Cache;
  readonly results: NodeResults;
  /** Bounds how long the values are waited for. */
  read<T>(work: () => Promise<T>): Promise<T>;
}

type Named = Readonly<Record<string, unknown>>;

function picked(from: Named, names: readonly string[], has: (from: object, name: string) => boolean = Object.hasOwn): Named {
  return Object.fromEntries(names.flatMap((name) => (has(from, name) ? [[name, from[name]]] : [])));
}

async function valuesOf({ names, fields }: CompiledCondition, { values, read }: Sources): Promise<Named> {
  if (names.includes("values") && fields.values === undefined) return read(() => values.getAll());
  const wanted = [...names.filter((name) => !SCOPE_TABLES.has(name)), ...(fields.values ?? [])];
  return wanted.length === 0 ? {} : read(() => values.getMany(wanted));
}

export async function conditionScope(condition: CompiledCondition, sources: Sources): Promise<ConditionScope> {
  const { names, fields } = condition;
  const { results, task } = sources;
  const found = await valuesOf(condition, sources);
  const tables: Record<string, () => unknown> = {
    task: () => task.toJSON(),
    values: () => (fields.values === undefined ? found : picked(found, fields.values)),
    // Those of graphs around are inherited.
    results: () => (fields.results === undefined ? allResults(results) : picked(results, fields.results, Reflect.has)),
  };
  const free = names.filter((name) => !SCOPE_TABLES.has(name));
  return {
    ...picked(found, free),
    ...Object.fromEntries(names.flatMap((name) => (Object.hasOwn(tables, name) ? [[name, tables[name]?.()]] : []))),
  };
}
