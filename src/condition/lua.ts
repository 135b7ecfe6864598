/** Conditions in Lua 5.4, compiled once and evaluated synchronously in a sandbox that all agents of a process share without seeing each other. */

import { ConditionError } from "#contract/base/errors";
import type { CompiledCondition, ConditionEngine, ConditionScope } from "#contract/node/condition";
import { checkNames, checkSource, functionText, plainMessage, shown, syntaxError } from "./check-source.ts";
import { CONDITION_LIBRARIES, environmentNames } from "./lua-names.ts";
import { ScopeRefusal } from "./push-value.ts";
import { type Outcome, Sandbox } from "./sandbox.ts";
import { tableFields } from "./table-fields.ts";

const MAX_KEPT = 1000;

let loading: Promise<Sandbox> | undefined;
let current: Sandbox | undefined;
/** What the current sandbox holds for each source, the least recently compiled first. */
const kept = new Map<string, { reference: number; condition: CompiledCondition }>();

function loadSandbox(): Promise<Sandbox> {
  loading ??= Sandbox.load().then(
    (sandbox) => {
      current = sandbox;
      return sandbox;
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** After a crash nothing in the engine's memory can be trusted, so all of it is given up; a new one loads meanwhile. */
function abandonSandbox(): void {
  current = undefined;
  loading = undefined;
  kept.clear();
  loadSandbox().catch(() => undefined);
}

function restarted(source: string, cause: unknown): ConditionError {
  return new ConditionError(
    `The condition ${shown(source)} was not evaluated: the Lua engine crashed and starts again. Compile the condition again.`,
    {
      code: "condition-runtime",
      condition: source,
      cause,
    },
  );
}

function guarded<T>(source: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ConditionError) throw error;
    if (error instanceof ScopeRefusal) {
      throw new ConditionError(`The condition ${shown(source)} was not evaluated. ${error.message}`, {
        code: error.isTooLarge ? "condition-budget" : "condition-runtime",
        condition: source,
      });
    }
    abandonSandbox();
    throw restarted(source, error);
  }
}

/** A condition that was dropped to make room is compiled again when its holder evaluates it. */
function referenceTo(condition: CompiledCondition, sandbox: Sandbox): number {
  const { source } = condition;
  const found = kept.get(source);
  if (found !== undefined) return found.reference;
  const loaded = sandbox.keep(functionText(source));
  if (loaded.kind === "error") throw syntaxError(source, loaded.message, (text) => sandbox.check(text));
  kept.set(source, { reference: loaded.reference, condition });
  if (kept.size > MAX_KEPT) {
    const [oldest, dropped] = kept.entries().next().value as [string, { reference: number }];
    kept.delete(oldest);
    sandbox.release(dropped.reference);
  }
  return loaded.reference;
}

function truthOf(outcome: Outcome, source: string): boolean {
  if (outcome.kind === "value") return outcome.isTrue;
  if (outcome.kind === "budget") {
    throw new ConditionError(
      `The condition ${shown(source)} was stopped: it needs more than ${outcome.limit}. Compute the value in a module, and compare the result.`,
      {
        code: "condition-budget",
        condition: source,
      },
    );
  }
  const isAboutName = /a nil value \(global|with nil|nil with|two nil values/.test(outcome.message);
  const hint = isAboutName ? " A name that the run's values do not hold, or hold as null, is nil." : "";
  throw new ConditionError(`The condition ${shown(source)} failed: ${plainMessage(outcome.message, source)}.${hint}`, {
    code: "condition-runtime",
    condition: source,
  });
}

function fieldsIn(source: string, names: readonly string[], table: "values" | "results"): CompiledCondition["fields"] {
  const fields = names.includes(table) ? tableFields(source, table) : [];
  return fields === undefined ? {} : { [table]: fields };
}

function conditionOf(source: string): CompiledCondition {
  const environment = environmentNames(source);
  const names = Object.freeze(environment.filter((name) => !CONDITION_LIBRARIES.has(name)));
  const fields = Object.freeze({ ...fieldsIn(source, names, "values"), ...fieldsIn(source, names, "results") });
  const withLibraries = names.length < environment.length;
  const condition: CompiledCondition = Object.freeze({
    source,
    names,
    fields,
    evaluate(scope: ConditionScope): boolean {
      const sandbox = current;
      if (sandbox === undefined) throw restarted(source, undefined);
      return truthOf(
        guarded(source, () => sandbox.run(referenceTo(condition, sandbox), names, scope, withLibraries)),
        source,
      );
    },
  });
  return condition;
}

/**
 * The engine for Lua conditions. It travels with the package, and is compiled at the first `compile`, once for the whole process.
 *
 * A condition is one Lua 5.4 expression of at most 4,096 bytes. Beside its scope it finds `math` (without `random`), `type`, `tostring`,
 * `tonumber`, `pairs`, `ipairs`, `next`, `select`, `string.byte char find len lower reverse sub upper` (also as methods; `find` takes its
 * needle literally), `table.concat pack unpack` and `utf8.char codepoint codes len offset`. An evaluation may take
 * 4,000,000 steps (a plain Lua instruction takes two, and what reads a text or a table about one for each byte or entry) and 1 MiB of
 * memory, never so much time; its scope may hold 100,000 values and keys, 1,000,000 bytes of text and 64 levels.
 *
 * @example
 * const condition = await luaConditions().compile("n > 2 and task.params.ready == true");
 * condition.names; // ["n", "task"]
 * condition.evaluate({ n: 3, task: { params: { ready: true } } }); // true
 */
export function luaConditions(): ConditionEngine {
  return {
    async compile(source) {
      const found = kept.get(source);
      if (found !== undefined) {
        kept.delete(source);
        kept.set(source, found);
        return found.condition;
      }
      checkSource(source);
      const condition = conditionOf(source);
      let sandbox = await loadSandbox();
      // A crash meanwhile: a reference into the old sandbox would name another condition in the new one.
      while (sandbox !== current) sandbox = await loadSandbox();
      const engine = sandbox;
      guarded(source, () => referenceTo(condition, engine));
      checkNames(source);
      return condition;
    },
  };
}
