/** Processes that answer the same questions at once: each is answered by one of them, and its run goes on with that. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Agent, defineQuestion, FileStore, Node, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { newPlace } from "../store/place.ts";
import { type Place, storeAt } from "../worker/place.ts";
import { placesOf } from "../worker/places.ts";
import { taskOf } from "./pair.ts";

const COUNT = 40;
const PROGRAM = new URL("answering-process.ts", import.meta.url).pathname;

const newFolder = newPlace();
const PLACES: [store: string, make: () => Promise<{ place: Place | { dir: string } }>][] = [
  ["file", async () => ({ place: { dir: join(newFolder(), "runs") } })],
  ...placesOf(),
];

describe.each(PLACES)("questions that several processes answer at once (%s)", (_, newOf) => {
  it("have one answer each, by whichever came first, and no run hears of another", { timeout: 120_000 }, async () => {
    const { place } = await newOf();
    const store = "dir" in place ? new FileStore({ ...place, fsync: false }) : storeAt(place);
    const sure = defineQuestion({ name: "sure", answer: z.object({ by: z.string() }) });
    const agent = new Agent({ name: "asks", store, nodes: [new Node({ name: "sure", modules: [sure] })] });
    const ids = Array.from({ length: COUNT }, (_, at) => `run-${at}`);
    for (const id of ids) await agent.runTask(taskOf(id), { whenWaiting: "park" });

    const others = ["ada", "bob", "eve"].map((by) =>
      fork(PROGRAM, [JSON.stringify(place), by], { execArgv: ["--conditions=asimov-source"] }),
    );
    await Promise.all(others.map((other) => once(other, "message")));
    const told = others.map(async (other) => ((await once(other, "message")) as [[taskId: string, code: string][]])[0]);
    for (const other of others) other.send("go");
    const [ada = [], bob = [], eve = []] = await Promise.all(told);
    const winners = new Map<string, string[]>();
    for (const [by, codes] of Object.entries({ ada, bob, eve })) {
      for (const [taskId, code] of codes) {
        expect(["taken", "question-closed"]).toContain(code);
        if (code === "taken") winners.set(taskId, [...(winners.get(taskId) ?? []), by]);
      }
    }
    expect([...winners.values()].map(({ length }) => length)).toEqual(Array(COUNT).fill(1));

    const ended = new Map<string, unknown>();
    for await (const run of agent.resumeAll()) ended.set(run.id, (await run.outcome).results.sure);
    expect(ended).toEqual(new Map(ids.map((id) => [id, { by: winners.get(id)?.[0] }])));
    const statuses = await Promise.all(ids.map(async (id) => (await new Runs(store).get(id)).status));
    expect(new Set(statuses)).toEqual(new Set(["COMPLETE"]));
    await store.close();
  });
});
