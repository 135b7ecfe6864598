/** The condition port: a small Lua expression over the current state, compiled once and evaluated often. */

/** What one evaluation sees; JSON values by name. A name that is absent, `undefined` or `null` is `nil`. */
export type ConditionScope = Readonly<Record<string, unknown>>;

/** The free names that stand for what is there of every run, and not for a value. */
export const SCOPE_TABLES: ReadonlySet<string> = new Set(["task", "values", "results"]);

export interface CompiledCondition {
  readonly source: string;
  /** The free names: those that are neither local, nor a keyword, nor of the sandbox's libraries. Sorted, without repetition. */
  readonly names: readonly string[];
  /** Of the tables `values` and `results` the fields that it reads; absent where any may be read. */
  readonly fields: { readonly values?: readonly string[]; readonly results?: readonly string[] };
  /** Lua's own truth: only `false` and `nil` are false. Synchronous. @throws ConditionError */
  evaluate(scope: ConditionScope): boolean;
}

export interface ConditionEngine {
  /** Loads the engine at the first call; a condition that was compiled before is kept. @throws ConditionError `condition-syntax` */
  compile(source: string): Promise<CompiledCondition>;
}
