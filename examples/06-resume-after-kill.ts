/** One process is killed by SIGKILL in the middle of a run; another one goes on where the last snapshot was stored. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, defineModule, FileSnapshotStore, Node, SnapshotControl, Task } from "asimov-agents";

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
  snapshotStore: new FileSnapshotStore({ directory }),
  nodes: [
    new Node({ name: "collect", modules: [collect] }),
    // A snapshot is stored before the node runs: it holds what `collect` gave, and the run's values.
    new Node({ name: "write", modules: [write], dependencies: ["collect"], snapshot: SnapshotControl.ALWAYS }),
  ],
});

if (isFirst) {
  await agent.runTask(new Task({ type: "report", objective: "Report on the moons" }));
} else {
  const { signal } = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, directory], { stdio: "inherit" });
  say(`the first one ended by ${signal}`);
  const [taskId] = readdirSync(directory);
  const outcome = await agent.runFromSnapshot(join(directory, taskId as string));
  say(`${outcome.status}: ${outcome.results.write}`);
  rmSync(directory, { recursive: true });
}
