/** The program that every bundle runs: a graph without conditions, one whose Lua conditions hold and do not hold, and a check by JSON Schema. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { project } from "./installed.ts";

/** The task stands at the scope of the module, where a Worker has neither chance nor time. */
const SOURCE = `import { Agent, defineModule, defineTool, Node, Task } from "asimov-agents";
const task = new Task({ type: "demo", objective: "Run" });
const node = (name, dependencies, condition) => new Node({
  name,
  dependencies,
  nodeConfig: condition === undefined ? {} : { condition },
  modules: [defineModule({ name, process: async ({ values }) => ({ status: "success", result: await values.increment("count") }) })],
});
const input = { properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { type: "integer" } } };
const tool = defineTool({ name: "tool", description: "", input, run: () => null });
export async function report() {
  const plain = await new Agent({ nodes: [node("a", [])] }).runTask(task);
  const nodes = [node("a", []), node("b", ["a"], "count == 1 and task.params.ready == true"), node("c", ["b"], "count > 9")];
  const outcome = await new Agent({ nodes }).runTask(new Task({ type: "demo", objective: "Run", params: { ready: true } }));
  const checked = await Promise.all([tool.check({ a: 1 }), tool.check({ a: "1" })]);
  return { statuses: [plain.status, outcome.status], results: Object.keys(outcome.nodes), errors: outcome.errors, named: /^[0-9a-f-]{36}$/.test(task.id), checked };
}
`;

export const EXPECTED = {
  statuses: ["COMPLETE", "COMPLETE"],
  results: ["a", "b"],
  errors: [],
  named: true,
  checked: [{ value: { a: 1 } }, { faults: "a: expected integer, got string" }],
};

/** Writes the program and one more file that imports it. @returns the folder */
export async function programIn(name: string, main: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(project, name);
  await mkdir(folder, { recursive: true });
  await Promise.all(Object.entries({ "program.js": SOURCE, ...main }).map(([file, source]) => writeFile(join(folder, file), source)));
  return folder;
}

const IMPORTING = 'import { report } from "./program.js";\n';
/** Prints the report. */
export const PRINTING = `${IMPORTING}report().then((told) => console.log(JSON.stringify(told)));\n`;
/** Prints the report, or why there is none; the entry itself waits for it, which CJS cannot. */
export const AWAITING = `${IMPORTING}console.log(JSON.stringify(await report().catch(({ code, message }) => ({ code, message }))));\n`;
