/** A coding tool chain with file tools is killed while a tool runs; another process goes on, and repeats nothing that was done. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ChatRole, type Checkpoint, defineTool, type InferenceClient } from "asimov-agents";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { z } from "zod";

const isFirst = process.argv[2] !== undefined;
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "asimov-example-"));
const say = (line: string) => console.log(`${isFirst ? "first" : "second"} process: ${line}`);
const at = (name: string) => join(folder, basename(name));

/** What the chain has reached, in a file that is there whole or not at all. */
const kept = at("chain.json");
const checkpoint: Checkpoint = {
  load: async () => (existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : undefined),
  save: async (state) => {
    writeFileSync(`${kept}.new`, JSON.stringify(state));
    renameSync(`${kept}.new`, kept);
  },
};

const writeTool = defineTool({
  name: "write_file",
  description: "Writes a file",
  input: z.object({ name: z.string(), text: z.string() }),
  run: ({ name, text }, { idempotencyKey }) => {
    say(`writes ${name}, with the key ${idempotencyKey}`);
    writeFileSync(at(name), text);
    return "written";
  },
});
const testTool = defineTool({
  name: "run_tests",
  description: "Runs a file with Node",
  input: z.object({ name: z.string() }),
  run: ({ name }, { idempotencyKey }) => {
    say(`runs the tests, with the key ${idempotencyKey}`);
    if (isFirst) process.kill(process.pid, "SIGKILL");
    return spawnSync(process.execPath, [at(name)], { encoding: "utf8" }).stdout;
  },
});

// The second process needs only the answers that the first one did not get: what was answered is not asked again.
const code = { name: "write_file", input: { name: "add.mjs", text: "console.log(2 + 3 === 5 ? 'pass' : 'fail');" }, id: "call_1" };
const script = [{ toolCalls: [code] }, { toolCalls: [{ name: "run_tests", input: { name: "add.mjs" }, id: "call_2" }] }, "The tests pass."];
const client: InferenceClient =
  process.env.ANTHROPIC_API_KEY === undefined
    ? new ScriptedInferenceClient(isFirst ? script : script.slice(2))
    : new AnthropicInferenceClient({ model: "claude-sonnet-5-5" });

const objective = [{ role: ChatRole.USER, content: "Write add.mjs, which prints pass when 2 + 3 is 5. Run it, and say how it went." }];
const work = () => client.toolChain(objective, [writeTool, testTool], { checkpoint, idempotencyKey: "job-1" });
if (isFirst) await work();
else {
  const { signal } = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, folder], { stdio: "inherit" });
  say(`the first one ended by ${signal}`);
  const { text, iterations } = await work();
  say(`${text} (${iterations} model calls in all)`);
  rmSync(folder, { recursive: true });
}
