/** What an answer must be: told as JSON Schema to whoever gives it, and checked by that, and again by the schema itself where the run goes on. */
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
