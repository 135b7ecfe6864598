/** What an answer must be: told as JSON Schema to whoever gives it, and checked by that, and again by the schema itself where the run goes on. */
import { AsimovError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { type CompiledSchema, compileSchema, type Schema } from "#contract/chat/schema";

/** Refuses what can be refused at once. @throws AsimovError `invalid-schema`, naming the path */
export function compileAnswer(answer: Schema, name: string): CompiledSchema {
  const what = `Question "${name}": answer`;
  const schema = compileSchema(answer, what);
  if (schema.ready === undefined) compileSchema(schema.json, what);
  return schema;
}

/** Where it is told by a package that is loaded late. @throws AsimovError `invalid-schema`, `missing-package` */
export async function answerSchema(answer: Schema, name: string): Promise<CompiledSchema> {
  const schema = compileAnswer(answer, name);
  if (schema.ready === undefined) return schema;
  await schema.ready();
  compileSchema(schema.json, `Question "${name}": answer`);
  return schema;
}

const unfit = (name: string, faults: string): AsimovError =>
  new AsimovError(`Question "${name}": onDeadline: expected an answer that fits (${faults}).`, { code: "invalid-options" });

/**
 * The answer that a deadline gives is one that anybody might give. Returns what checks it where the schema cannot say so at once.
 *
 * @throws AsimovError `invalid-options`, `not-json`
 */
export function requireDeadlineAnswer(
  { faultsNow, check }: Pick<CompiledSchema, "faultsNow" | "check">,
  name: string,
  onDeadline: unknown,
): (() => Promise<void>) | undefined {
  if (typeof onDeadline !== "object" || onDeadline === null) return undefined;
  const given: unknown = JSON.parse(toJsonText((onDeadline as { answer: unknown }).answer, `onDeadline of question "${name}"`));
  const faults = faultsNow(given);
  if (typeof faults === "string") throw unfit(name, faults);
  if (faults === undefined) return undefined;
  return async () => {
    const checked = await check(given);
    if ("faults" in checked) throw unfit(name, checked.faults);
  };
}
