/** One process is killed by SIGKILL in the middle of a run; another one goes on where the first one was stored last. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, defineModule, FileStore, Node, Task } from "asimov-agents";

const isFirst = process.argv[2] !== undefined;
const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), "asimov-example-"));
const say = (line: string) => console.log(`${isFirst ? "first" : "second"} process: ${line}`);

const collect = defineModule({
  name: "collect",
  process: async () => {
    say("collects, which is slow and costs money");
    return { status: "success", result: ["Ganymede", "Callisto"] };
  },
});

const write = defineModule({
  name: "write",
  process: async ({ results, idempotencyKey }) => {
    // The key is the same in both processes: hand it to services that must not do a thing twice.
    say(`writes, with the key ${idempotencyKey.replace(/^[^/]+/, "RUN")}`);
    if (isFirst) process.kill(process.pid, "SIGKILL");
    return { status: "success", result: `Found ${(results.collect as string[]).join(" and ")}.` };
  },
});

const agent = new Agent({
  store: new FileStore({ dir: directory }),
  nodes: [new Node({ name: "collect", modules: [collect] }), new Node({ name: "write", modules: [write], dependencies: ["collect"] })],
});

if (isFirst) {
  // The end of `collect` is stored before `write` starts: what it gave, and the run's values.
  await agent.runTask(new Task({ id: "moons", type: "report", objective: "Report on the moons" }));
} else {
  const { signal } = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, directory], { stdio: "inherit" });
  say(`the first one ended by ${signal}`);
  const outcome = await (await agent.resume("moons")).outcome;
  say(`${outcome.status}: ${outcome.results.write}`);
  rmSync(directory, { recursive: true });
}
