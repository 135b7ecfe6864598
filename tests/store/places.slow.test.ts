/** Places that are read only, closed, held by somebody else, or away for a while: each says so, nothing is lost, and a run goes on when it can. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { Agent, FileStore, type RunStore, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { owned } from "#testing/run-law";
import { nodeOf, success } from "../run/support.ts";
import { newPlace } from "./place.ts";
import { chapter, expectStory, ON_DISK, openStore } from "./story.ts";

const script = (name: string): string[] => ["--conditions=asimov-source", join(import.meta.dirname, name)];

/** The folder and all within, for folders and for files. */
function allow(path: string, folders: number, files: number): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) allow(inner, folders, files);
    else chmodSync(inner, files);
  }
  chmodSync(path, folders);
}

interface Told {
  answer?: boolean;
  kind?: string;
  code?: string;
  retryable?: boolean;
  message?: string;
}

const newFolder = newPlace();

describe.each(ON_DISK)("a %s store without rights", (driver) => {
  async function asNobody(folders: number, files: number): Promise<{ told: Record<string, Told>; folder: string; store: () => RunStore }> {
    const folder = newFolder();
    mkdirSync(folder);
    chmodSync(join(folder, ".."), 0o755);
    const store = openStore(driver, folder);
    const lease = await owned(store, "a", undefined, { first: chapter(1) });
    await store.close();
    allow(folder, folders, files);
    const output = execFileSync(process.execPath, [...script("rights-process.ts"), driver, folder, JSON.stringify(lease)], {
      encoding: "utf8",
    });
    allow(folder, 0o700, 0o600);
    return { told: JSON.parse(output) as Record<string, Told>, folder, store: () => openStore(driver, folder) };
  }

  const CODES: Record<(typeof ON_DISK)[number], { reads: RegExp; writes: RegExp }> = {
    file: { reads: /^snapshot-read-failed$/, writes: /^snapshot-(?:write|read)-failed$/ },
    sqlite: { reads: /^store-(?:unavailable|read-only)$/, writes: /^store-(?:unavailable|read-only)$/ },
  };

  it.each([
    ["may not write", 0o555, 0o444],
    ["may not see", 0o000, 0o000],
  ])("says what it %s, names the place, and has lost nothing when it may", async (what, folders, files) => {
    const { told, folder, store } = await asNobody(folders, files);
    for (const [name, { answer, ...error }] of Object.entries(told)) {
      const isRead = name === "read" || name === "load";
      if (isRead && what === "may not write" && answer === true) continue;
      expect(error, name).toMatchObject({ code: expect.stringMatching(CODES[driver][isRead ? "reads" : "writes"]), retryable: true });
      expect(error.message, name).toContain(folder);
    }
    const again = store();
    expect(await expectStory(again, "a", 1)).toBe(1);
    expect(await again.read("a")).toMatchObject({ token: 1, inbox: { count: 0 } });
    await again.close();
  });
});

/** Ends what holds the place. */
type Free = () => Promise<void> | void;

async function locked(file: string): Promise<Free> {
  const child = spawn(process.execPath, [...script("lock-process.ts"), file], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return async () => {
    const exit = once(child, "close");
    child.stdin.end();
    await exit;
  };
}

function away(dir: string): Free {
  renameSync(dir, `${dir} away`);
  return () => renameSync(`${dir} away`, dir);
}

interface Place {
  store: RunStore;
  hold: () => Promise<Free> | Free;
  code: RegExp;
}

const PLACES: [name: string, make: () => Place][] = [
  [
    "a database that another process holds",
    () => {
      const file = join(newFolder(), "runs.db");
      return { store: new SqliteStore({ file, busyMs: 20 }), hold: () => locked(file), code: /^store-busy$/ };
    },
  ],
  [
    "a folder that is away",
    () => {
      const dir = newFolder();
      return { store: new FileStore({ dir, fsync: false }), hold: () => away(dir), code: /^snapshot-(?:read|write)-failed$/ };
    },
  ],
];

const task = (): Task => new Task({ id: "held", type: "test", objective: "Go on" });

describe.each(PLACES)("a run in %s", (_, make) => {
  it.each(["a", "b", "c"])("goes on when it is back, from where node %s ends, and repeats nothing", async (at) => {
    const { store, hold, code } = make();
    const log: string[] = [];
    let free: Free | undefined;
    const nodes = ["a", "b", "c"].map((name, index, all) =>
      nodeOf(name, all.slice(Math.max(0, index - 1), index), async () => {
        log.push(name);
        if (name === at) free = await hold();
        return success(name);
      }),
    );
    const run = new Agent({ store, nodes, leaseMs: 60_000 }).start(task());
    while (free === undefined) await new Promise((resolve) => setImmediate(resolve));
    const held = [...log];
    // Long enough for several tries: it holds nothing up but the run.
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(held);
    await free();
    const { status, results, errors } = await run.outcome;
    expect([status, results, log]).toEqual(["COMPLETE", { a: "a", b: "b", c: "c" }, ["a", "b", "c"]]);
    for (const error of errors) expect(error.code).toMatch(code);
    expect(await store.read("held")).toMatchObject({ status: "COMPLETE", lease: null });
    await store.close();
  });

  it("starts when it is back, and says so", async () => {
    const { store, hold, code } = make();
    // A folder that was never there is made.
    await new Agent({ store, nodes: [nodeOf("a")] }).runTask(new Task({ type: "test", objective: "Be there" }));
    const free = await hold();
    const log: string[] = [];
    const agent = new Agent({ store, errorMailbox: "errors", nodes: [nodeOf("a", [], () => success(log.push("a")))] });
    const run = agent.start(task());
    expect(await agent.cache.getMessage("errors")).toMatchObject({
      code: expect.stringMatching(code),
      error: expect.stringContaining("tried again until it is"),
    });
    expect(log).toEqual([]);
    await free();
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", errors: [{}] });
    expect(await store.read("held")).toMatchObject({ status: "COMPLETE", lease: null });
    await store.close();
  });

  it("ends in its store when it is back, where it was cancelled while it was held", async () => {
    const { store, hold } = make();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const stuck = nodeOf("a", [], async ({ signal }) => {
      begin();
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const agent = new Agent({ name: "held", store, nodes: [stuck], abortGraceMs: 50, outputMailbox: "ends" });
    const run = agent.start(task());
    await begun;
    const free = await hold();
    const { status, errors } = await run.cancel();
    expect([status, errors.at(-1)?.code]).toEqual(["FAILED", "end-unstored"]);
    expect(await agent.cache.peekMailbox("ends")).toEqual([]);
    await free();
    expect(await agent.cache.getMessage("ends")).toMatchObject({ id: "held/end/1", status: "FAILED" });
    expect(await store.read("held")).toMatchObject({ status: "CANCELLED", lease: null });
    await store.close();
  });

  it("is not taken up while it is held, says why, and is when it is back", async () => {
    const { store, hold, code } = make();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const stuck = nodeOf("a", [], async ({ signal }) => {
      begin();
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const first = new Agent({ store, nodes: [stuck] }).start(task());
    await begun;
    await first.park();
    await first.outcome.catch(() => {});
    const free = await hold();
    const agent = new Agent({ store, nodes: [nodeOf("a")] });
    await expect(agent.resume("held")).rejects.toMatchObject({ code: expect.stringMatching(code), retryable: true });
    await free();
    expect((await (await agent.resume("held")).outcome).status).toBe("COMPLETE");
    await store.close();
  });
});

describe("a file where a folder should be, and a folder where a file should be", () => {
  it("are named by the store that cannot use them", async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "runs.db"), { recursive: true });
    const store = new SqliteStore({ file: join(folder, "runs.db") });
    await expect(store.read("a")).rejects.toMatchObject({ code: "store-unavailable", message: expect.stringContaining("runs.db") });
    expect(statSync(join(folder, "runs.db")).isDirectory()).toBe(true);
    await store.close();
  });
});
