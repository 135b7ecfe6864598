/** Starts a web process and three workers, asks for twelve reports, and kills a worker in the middle of its work. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { RunView } from "asimov-agents";
import { newPlace } from "./place.ts";

const REPORTS = 12;

/** @param server `REDIS_URL` or `DATABASE_URL` */
export async function tellStory(server: Record<string, string>): Promise<void> {
  const env = { ...process.env, ...server, PLACE: newPlace(), PORT: "0" };
  const start = (file: string): ChildProcess =>
    spawn(process.execPath, [...process.execArgv, new URL(file, import.meta.url).pathname], { env, stdio: ["ignore", "pipe", "inherit"] });
  const linesOf = ({ stdout }: ChildProcess) => createInterface({ input: stdout as NodeJS.ReadableStream });

  const web = start("web.ts");
  const [address] = (await once(linesOf(web), "line")) as [string];
  const workers = [start("worker.ts"), start("worker.ts"), start("worker.ts")];
  const begun: { worker: number; work: string; key: string }[] = [];
  const { promise: busy, resolve: isBusy } = Promise.withResolvers<number>();
  const ready = workers.map(async (worker, index) => {
    const lines = linesOf(worker);
    await once(lines, "line");
    lines.on("line", (line) => {
      const [name, id, key] = line.split(" ") as [string, string, string];
      begun.push({ worker: index, work: `${name} ${id}`, key });
      if (name === "write") isBusy(index);
    });
  });
  await Promise.all(ready);
  console.log("a web process and three workers are ready");

  const ids = Array.from({ length: REPORTS }, (_, at) => `report-${at + 1}`);
  for (const id of ids)
    await fetch(`${address}/reports`, {
      method: "POST",
      body: JSON.stringify({ id, objective: `moon ${id}` }),
      headers: { "Content-Type": "application/json" },
    });
  console.log(`${REPORTS} reports were asked for`);

  const killed = await busy;
  workers[killed]?.kill("SIGKILL");
  console.log("a worker was killed in the middle of its work");

  // The stream of a run ends with it.
  for (const id of ids) await (await fetch(`${address}/reports/${id}/events`)).text();
  const views = await Promise.all(ids.map(async (id) => (await (await fetch(`${address}/reports/${id}`)).json()) as RunView));
  console.log(`${views.filter(({ status }) => status === "COMPLETE").length} of ${REPORTS} are COMPLETE`);
  const keys = Map.groupBy(begun, ({ work }) => work);
  const repeated = [...keys.values()].filter((each) => each.length > 1);
  const isOfKilled = repeated.every(([first]) => first?.worker === killed);
  const isSameKey = repeated.every((each) => new Set(each.map(({ key }) => key)).size === 1);
  console.log(
    isOfKilled && isSameKey ? "what was repeated was the killed worker's, under the same key" : `repeated: ${JSON.stringify(repeated)}`,
  );

  for (const program of [...workers, web]) {
    if (program.exitCode !== null || program.signalCode !== null) continue;
    program.kill("SIGTERM");
    await once(program, "exit");
  }
  console.log("the others were stopped by SIGTERM");
}
