/** A parent whose agent one process has alone, and its child, whose agent another one has: each works where its agent is. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Runs, Task } from "asimov-agents";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BegunIn, ChildGiven } from "./child-process.ts";
import { storeAt } from "./place.ts";
import { placesOf } from "./places.ts";

const PROCESS = new URL("child-process.ts", import.meta.url).pathname;
const IDS = ["a", "b", "c", "d"];

describe.each(placesOf())("two processes on %s", (_, newOf) => {
  it("have the parent's agent and the child's, and every run works where its agent is", async () => {
    const { place, folder } = await newOf();
    const log = join(folder, "log");
    const store = storeAt(place);
    onTestFinished(() => store.close());
    const runs = new Runs(store);
    const start = async (hosts: ChildGiven["hosts"]) => {
      const given: ChildGiven = { place, log, hosts };
      const worker = fork(PROCESS, [JSON.stringify(given)], { execArgv: ["--conditions=asimov-source"] });
      onTestFinished(() => void worker.kill("SIGKILL"));
      expect((await once(worker, "message"))[0]).toBe("started");
      return worker;
    };
    const parent = await start("parent");
    const told = once(parent, "message");
    for (const id of IDS) await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "parent" });
    expect((await told)[0]).toBe("worker-unknown-agent");
    for (const id of IDS) {
      for await (const { nodes, status } of runs.watch(id)) {
        if (status === "PARKED" && nodes.ask?.childTaskId !== undefined) break;
      }
    }
    const child = await start("child");
    for (const id of IDS) {
      for await (const { endedAt } of runs.watch(id)) if (endedAt !== undefined) break;
      const view = await runs.get(id);
      expect([view.status, await runs.value(id, ["nodes", "last", "result"])]).toEqual([
        "COMPLETE",
        { of: "last", before: { of: "work", before: null } },
      ]);
      expect(await store.read(view.nodes.ask?.childTaskId ?? "")).toMatchObject({ agent: "child", status: "COMPLETE", ends: 1 });
    }
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    const begun = lines.map((line) => JSON.parse(line) as BegunIn);
    const pids = (what: string) => begun.filter((each) => each.what === what).map(({ pid }) => pid);
    expect([pids("first"), pids("work"), pids("last")]).toEqual([parent.pid, child.pid, parent.pid].map((pid) => IDS.map(() => pid)));
  });
});
