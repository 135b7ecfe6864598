/** A process that runs a chain of two tools, or goes on with it; told to, it kills itself in the middle of the second. */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChatRole, type Checkpoint, defineTool } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { z } from "zod";

const [directory, mode] = process.argv.slice(2) as [string, string];
const file = join(directory, "chain.json");
const checkpoint: Checkpoint = {
  load: async () => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined),
  async save(state) {
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  },
};
const work = defineTool({
  name: "work",
  description: "Works",
  input: z.object({ step: z.number() }),
  run({ step }, { idempotencyKey }) {
    appendFileSync(join(directory, "log"), `${step} ${idempotencyKey}\n`);
    if (step === 2 && mode === "kill") process.kill(process.pid, "SIGKILL");
    return step;
  },
});
const calls = [1, 2].map((step) => ({ name: "work", id: step === 1 ? "a" : "b", input: { step } }));
const client = new ScriptedInferenceClient(mode === "kill" ? [{ toolCalls: calls }] : ["Done."]);
const options = { checkpoint, idempotencyKey: "killed", maxParallelTools: 1 };
const { text, iterations } = await client.toolChain([{ role: ChatRole.USER, content: "Work." }], [work], options);
console.log(JSON.stringify({ text, iterations, calls: client.calls.length }));
