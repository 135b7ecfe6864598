/** A process with a worker that is asked to end by a signal: what ends in time ends, the rest is put down, and the process ends by itself. */
import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import { Runs, Task } from "asimov-agents";
import { describe, expect, it, onTestFinished } from "vitest";
import { storeAt } from "./place.ts";
import { placesOf } from "./places.ts";

const PROCESS = new URL("stop-process.ts", import.meta.url).pathname;

describe.each(placesOf())("a process with a worker on %s", (_, newOf) => {
  async function working(ids: string[], graceMs: number) {
    const { place } = await newOf();
    const store = storeAt(place);
    onTestFinished(() => store.close());
    const runs = new Runs(store);
    for (const id of ids) await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "stops" });
    const worker: ChildProcess = fork(PROCESS, [JSON.stringify(place), String(graceMs)], { execArgv: ["--conditions=asimov-source"] });
    onTestFinished(() => void worker.kill("SIGKILL"));
    const exited = once(worker, "exit");
    const messages = on(worker, "message");
    const told = async (): Promise<unknown> => (await messages.next()).value?.[0];
    for (const _ of ids) expect(await told()).toMatchObject({ begun: expect.any(String) });
    const statuses = () => Promise.all(ids.map(async (id) => (await runs.get(id)).status));
    return { worker, exited, statuses, told };
  }

  it("lets what ends in time end, puts down the rest, and ends by itself", async () => {
    const { worker, exited, statuses } = await working(["ends", "stays"], 2_000);
    worker.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    expect(await statuses()).toEqual(["COMPLETE", "READY"]);
  });

  it("puts all down at once on a second signal", async () => {
    const { worker, exited, statuses, told } = await working(["stays", "stays, too"], 3_600_000);
    worker.kill("SIGTERM");
    expect(await told()).toMatchObject({ state: "stopping", running: 2, free: 0 });
    worker.kill("SIGINT");
    expect(await exited).toEqual([0, null]);
    expect(await statuses()).toEqual(["READY", "READY"]);
  });
});
