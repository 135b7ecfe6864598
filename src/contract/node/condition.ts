/** The condition port: a small Lua expression over the current state, compiled once and evaluated often. */

/** What one evaluation sees; JSON values by name. A name that is absent, `undefined` or `null` is `nil`. */
export type ConditionScope = Readonly<Record<string, unknown>>;

export interface CompiledCondition {
  readonly source: string;
  /** The free names: those that are neither local, nor a keyword, nor of the sandbox's libraries. Sorted, without repetition. */
  readonly names: readonly string[];
  /** Lua's own truth: only `false` and `nil` are false. Synchronous. @throws ConditionError */
  evaluate(scope: ConditionScope): boolean;
}

export interface ConditionEngine {
  /** Loads the engine at the first call; a condition that was compiled before is kept. @throws ConditionError `condition-syntax` */
  compile(source: string): Promise<CompiledCondition>;
}
