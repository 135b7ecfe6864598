/** A worker whose event loop is held gives half of its runs up in time; of what it lost all the same it stores nothing. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Runs, Task } from "asimov-agents";
import { AgentWorker, type LoopHeld } from "asimov-agents/worker";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Begun, heldAgent } from "./held-agent.ts";
import { storeAt } from "./place.ts";
import { placesOf } from "./places.ts";

const PROCESS = new URL("held-process.ts", import.meta.url).pathname;
const IDS = Array.from({ length: 8 }, (_, at) => `run-${at}`);

async function begunIn(log: string): Promise<Begun[]> {
  const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Begun);
}

describe.each(placesOf())("a worker on %s that holds its event loop", (_, newOf) => {
  async function hold({ leaseMs, holdMs }: { leaseMs: number; holdMs: number }) {
    const { place, folder } = await newOf();
    const log = join(folder, "log");
    const store = storeAt(place);
    const runs = new Runs(store);
    for (const [at, id] of IDS.entries()) {
      await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "held", priority: IDS.length - at });
    }
    const given = [JSON.stringify(place), log, String(IDS.length), String(leaseMs), String(holdMs)];
    const first: ChildProcess = fork(PROCESS, given, { execArgv: ["--conditions=asimov-source"] });
    const second = new AgentWorker({ agents: [heldAgent("second", log, async () => {})], store, leaseMs });
    onTestFinished(async () => {
      first.kill("SIGKILL");
      await second.stop();
      await store.close();
    });
    expect((await once(first, "message"))[0]).toBe("holds");
    const told = once(first, "message");
    await second.start();
    const [held] = (await told) as [LoopHeld];
    /** Until all have ended: who ended each. */
    const ended = async (): Promise<Map<string, unknown>> => {
      const results = new Map<string, unknown>();
      for (const id of IDS) {
        for await (const { endedAt } of runs.watch(id)) if (endedAt !== undefined) break;
        results.set(id, await runs.value(id, ["nodes", "work", "result"]));
        expect((await store.read(id))?.ends).toBe(1);
      }
      return results;
    };
    return { first, held, log, ended, runs };
  }

  it("for more than a third of its lease puts down the half that it took last, and ends the rest", async () => {
    const { first, held, log, ended, runs } = await hold({ leaseMs: 9_000, holdMs: 3_500 });
    expect(held.heldMs).toBeGreaterThan(3_000);
    expect(held.putDown).toEqual(IDS.slice(4));
    for (const id of held.putDown) for await (const { endedAt } of runs.watch(id)) if (endedAt !== undefined) break;
    first.send("go");
    expect(await ended()).toEqual(new Map(IDS.map((id, at) => [id, at < 4 ? "first" : "second"])));
    const begun = await begunIn(log);
    for (const id of IDS) {
      const [before, after, ...more] = begun.filter(({ taskId }) => taskId === id) as [Begun, Begun?];
      expect([before.who, after?.who, more.length]).toEqual(["first", held.putDown.includes(id) ? "second" : undefined, 0]);
      if (after !== undefined) expect(after).toMatchObject({ key: before.key, fence: before.fence + 1 });
    }
  });

  it("for longer than its lease stores nothing of what another has taken meanwhile", async () => {
    const { first, held, log, ended } = await hold({ leaseMs: 1_000, holdMs: 5_000 });
    expect(held.heldMs).toBeGreaterThan(1_000);
    first.send("go");
    expect(await ended()).toEqual(new Map(IDS.map((id) => [id, "second"])));
    for (const id of IDS)
      expect((await begunIn(log)).filter(({ taskId }) => taskId === id).map(({ who }) => who)).toEqual(["first", "second"]);
  });
});
