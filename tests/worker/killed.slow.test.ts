/** Workers are killed at random moments while runs step, sleep, ask, receive, loop, and work on items: every run ends as if none had been. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MemoryStore, type NodeView, type RunStore, Runs, Task } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { describe, expect, inject, it } from "vitest";
import { chance } from "#testing/run-law";
import { all } from "../runs/stores.ts";
import { newPlace } from "../store/place.ts";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { postgresUrl } from "../support/postgres-server.ts";
import { ASKING, killedAgent, MAILBOX } from "./killed-agent.ts";
import { type Place, storeAt } from "./place.ts";

const RUNS = counted(30, 300);
const KILLS = counted(6, 100);
const WORKER = new URL("worker-process.ts", import.meta.url).pathname;

interface Noted {
  at: number;
  taskId: string;
  what: string;
}

const given = (nodes: Readonly<Record<string, NodeView>>): unknown =>
  Object.entries(nodes).map(([name, { status, visit, result, nodes: inner = {}, items = [] }]) => ({
    ...{ name, status, visit, result },
    inner: given(inner),
    items: given(Object.fromEntries(items.entries())),
  }));

/** Whoever uses the runs, in a process of their own: submits them, writes to each of them, and answers what is asked. */
class Users {
  readonly runs: Runs;
  readonly ids: readonly string[];
  /** Of each run and node, the questions that were asked, and when. */
  readonly asked = new Map<string, Map<string, number>>();
  #isOver = false;

  constructor(store: RunStore, count: number) {
    this.runs = new Runs(store);
    this.ids = Array.from({ length: count }, (_, at) => `run-${at}`);
  }

  async submit(): Promise<void> {
    for (const id of this.ids) await this.runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "report" });
  }

  /** Until each run has ended. */
  async work(): Promise<void> {
    const answering = this.#answer();
    for (const id of this.ids) {
      // As who does not know whether the first has come.
      for (let time = 0; time < 2; time++) await this.runs.send(id, MAILBOX, { for: id }, { id: "the only one" });
    }
    for (const id of this.ids) for await (const { endedAt } of this.runs.watch(id)) if (endedAt !== undefined) break;
    this.#isOver = true;
    await answering;
  }

  async #answer(): Promise<void> {
    while (!this.#isOver) {
      for await (const { id, taskId, node, askedAt } of this.runs.questions()) {
        const place = `${taskId} ${node}`;
        this.asked.set(place, (this.asked.get(place) ?? new Map()).set(id, askedAt));
        await this.runs.answer(id, { ok: true }).catch((error: { code?: string }) => {
          if (error.code !== "question-closed") throw error;
        });
      }
      await new Promise((done) => setTimeout(done, 5));
    }
  }

  /** What came of a run, but for its name and times. */
  async outcome(id: string): Promise<unknown> {
    const { status, errors, values, nodes } = await this.runs.get(id);
    return JSON.parse(JSON.stringify({ status, errors, values, nodes: given(nodes) }).replaceAll(id, "RUN"));
  }
}

const newFolder = newPlace();
const PLACES: [store: string, workers: number, place: (folder: string) => Place | Promise<Place>][] = [
  ["SQLite", 1, (folder) => ({ file: join(folder, "runs.db") })],
  ["Redis", 3, () => ({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` })],
  ["Postgres", 3, async () => ({ connectionString: await postgresUrl(), schema: `killed_${crypto.randomUUID().replaceAll("-", "_")}` })],
];

describe.each(PLACES)("a worker on %s, one of %i, that is killed", (_name, count, placeIn) => {
  /** What comes of a run, and which modules and steps begin. */
  async function uninterrupted(): Promise<{ outcome: unknown; begun: Set<string> }> {
    const store = new MemoryStore();
    const users = new Users(store, 1);
    const begun = new Set<string>();
    const worker = new AgentWorker({ agents: [killedAgent((_, what) => begun.add(what))], store });
    await worker.start();
    await users.submit();
    await users.work();
    await worker.stop();
    return { outcome: await users.outcome("run-0"), begun };
  }

  it(`${KILLS} times loses none of ${RUNS} runs, repeats nothing that is stored, asks each question once, and ends each run as an uninterrupted one, seed ${SEED}`, {
    timeout: LONG_MS,
  }, async () => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    const [place, log] = [await placeIn(folder), join(folder, "log")];
    const store = storeAt(place);
    const users = new Users(store, RUNS);
    const random = chance(SEED);
    await users.submit();
    const start = (): ChildProcess => fork(WORKER, [JSON.stringify(place), log], { execArgv: ["--conditions=asimov-source"] });
    const stop = async (worker: ChildProcess): Promise<void> => {
      const ended = once(worker, "exit");
      worker.kill("SIGKILL");
      await ended;
    };
    const workers = Array.from({ length: count }, start);
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const working = users.work();
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise((done) => setTimeout(done, random() * 300));
      const at = Math.floor(random() * count);
      await stop(workers[at] as ChildProcess);
      const worker = start();
      workers[at] = worker;
      await once(worker, "message");
    }
    await working;
    await Promise.all(workers.map(stop));

    const expected = await uninterrupted();
    const notes = (await readFile(log, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Noted);
    const byRun = Map.groupBy(notes, ({ taskId }) => taskId);
    for (const id of users.ids) {
      const begun = Map.groupBy(byRun.get(id) ?? [], ({ what }) => what);
      const lastOf = (what: string): number => Math.max(...(begun.get(what) ?? []).map(({ at }) => at));
      expect({ outcome: await users.outcome(id), begun: new Set(begun.keys()) }).toEqual(expected);
      expect((await store.read(id))?.ends).toBe(1);
      for (const node of ASKING) expect({ node, asked: users.asked.get(`${id} ${node}`)?.size }).toEqual({ node, asked: 1 });
      const [asked] = users.asked.get(`${id} talk`)?.values() ?? [];
      expect(lastOf("talk: before")).toBeLessThanOrEqual(asked as number);
      for (const event of await all(users.runs.events(id))) {
        if (event.type !== "module.ended" || event.status !== "success") continue;
        const [around] = event.graph.slice(-1);
        const place = around === "each" ? `each.1/${event.module}#${event.node}` : `${event.node}.${event.visit}/${event.module}`;
        expect(lastOf(place)).toBeLessThanOrEqual(event.at);
      }
    }
    await store.close();
  });
});
