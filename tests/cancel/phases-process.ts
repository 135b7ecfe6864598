/** A process that cancels a run in each phase, and prints what each left behind; it must end by itself. */
import { Agent } from "asimov-agents";
import { newTask } from "./fixture.ts";
import { phases } from "./phases.ts";

process.on("unhandledRejection", (reason) => {
  throw reason;
});

const left: Record<string, string[]> = {};
for (const [phase, prepare] of Object.entries(phases)) {
  const { options, arrived } = prepare();
  const run = new Agent(options).start(newTask());
  await arrived;
  await run.cancel("enough");
  // Twice around the loop, so that what was closed is gone, and what that had begun has seen it.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  left[phase] = process.getActiveResourcesInfo().filter((kind) => kind !== "PipeWrap");
}
console.log(JSON.stringify(left));
