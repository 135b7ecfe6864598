/** What the condition tests share: evaluate in one call, or the error of it. */
import { expect } from "vitest";
import { luaConditions } from "#condition/lua";
import { ConditionError } from "#contract/base/errors";

const engine = luaConditions();

export async function evaluate(source: string, scope: Record<string, unknown> = {}): Promise<boolean> {
  return (await engine.compile(source)).evaluate(scope);
}

/** The error of an evaluation, with the engine still at work after it. */
export async function failure(source: string, scope: Record<string, unknown> = {}): Promise<ConditionError> {
  const error = await evaluate(source, scope).then(
    (value) => expect.fail(`${source.slice(0, 200)} must fail; it is ${value}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConditionError);
  expect((error as ConditionError).condition).toBe(source);
  expect((error as ConditionError).message).not.toContain("engine crashed");
  expect(await evaluate("1 + 1 == 2")).toBe(true);
  return error as ConditionError;
}

/** The body of a Lua function as an expression. */
export function body(statements: string): string {
  return `(function() ${statements} end)()`;
}
