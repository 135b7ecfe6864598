import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FileSnapshotStore } from "#snapshot/file";
import { newPlace, snapshotOf } from "./place.ts";

const PARTS = { agent: '{"step":1}', "node/plan": '"WAITING"', "value/draft": "1", "mailbox/2/in": "[2]", task: '{"id":"a"}' };

describe("file snapshot store", () => {
  const place = newPlace();
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("lays a snapshot out as JSON files that other tools can read", async () => {
    const directory = place();
    const { location } = await new FileSnapshotStore({ directory }).save(snapshotOf("a", PARTS, ["plan", "write"]));
    expect(location).toBe(join(directory, "a", "0_plan+write"));
    const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(join(location, file), "utf8"));
    expect((await readdir(location)).sort()).toEqual(["agent.json", "cache.json", "manifest.json", "task.json"]);
    expect(await json("agent.json")).toEqual({ agent: { step: 1 }, "node/plan": "WAITING" });
    expect(await json("cache.json")).toEqual({ "value/draft": 1, "mailbox/2/in": [2] });
    expect(await json("task.json")).toEqual({ id: "a" });
    expect(await json("manifest.json")).toMatchObject({
      format: 1,
      taskId: "a",
      generation: 0,
      nodes: ["plan", "write"],
      createdAt: 1_700_000_000_000,
      files: [
        { name: "agent.json", bytes: 46, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        { name: "cache.json" },
        { name: "task.json" },
      ],
    });
  });

  it("lets no other user read what it writes", async () => {
    const directory = place();
    const { location } = await new FileSnapshotStore({ directory }).save(snapshotOf("a", PARTS));
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    for (const folder of [directory, dirname(location), location]) expect(await mode(folder)).toBe(0o700);
    for (const file of await readdir(location)) expect(await mode(join(location, file))).toBe(0o600);
  });

  it("saves below ASIMOV_SNAPSHOT by default", async () => {
    const directory = place();
    vi.stubEnv("ASIMOV_SNAPSHOT", directory);
    expect((await new FileSnapshotStore().save(snapshotOf("a", PARTS))).location).toBe(join(directory, "a", "0_plan"));
  });

  it("saves below asimov_snapshot in the system's temporary folder without ASIMOV_SNAPSHOT", async () => {
    const temporary = place();
    await mkdir(temporary);
    vi.stubEnv("ASIMOV_SNAPSHOT", "");
    vi.stubEnv("TMPDIR", temporary);
    expect(tmpdir()).toBe(temporary);
    expect((await new FileSnapshotStore().save(snapshotOf("a", PARTS))).location).toBe(join(temporary, "asimov_snapshot", "a", "0_plan"));
  });

  it.each([{ keep: 0 }, { keep: 1.5 }, { keep: "3" }, { directory: "" }, { fsync: "no" }, { folder: "/tmp" }])(
    "refuses the options %j",
    (options) => {
      expect(() => new FileSnapshotStore(options as object)).toThrow(expect.objectContaining({ code: "invalid-options" }));
    },
  );

  it("syncs the files and their folder before the rename, and the parent after it", async () => {
    const fs = process.getBuiltinModule("fs");
    const calls: string[] = [];
    const paths = new Map<number, string>();
    const directory = place();
    const store = new FileSnapshotStore({ directory });
    await store.save(snapshotOf("a", PARTS));
    const { openSync, fsync, renameSync } = fs;
    vi.spyOn(fs, "openSync").mockImplementation((path, ...rest) => {
      const file = openSync(path, ...rest);
      paths.set(file, String(path));
      return file;
    });
    vi.spyOn(fs, "fsync").mockImplementation((file, done) => {
      const path = paths.get(file);
      fsync(file, (error) => {
        calls.push(`sync ${path}`);
        done(error);
      });
    });
    vi.spyOn(fs, "renameSync").mockImplementation((from, to) => {
      renameSync(from, to);
      calls.push("rename");
    });
    await store.save(snapshotOf("a", PARTS));
    const temporary = join(directory, "a", ".tmp-1");
    const files = ["agent.json", "cache.json", "manifest.json", "task.json"].map((file) => `sync ${join(temporary, file)}`);
    expect([...calls.slice(0, 4).sort(), ...calls.slice(4)]).toEqual([
      ...files,
      `sync ${temporary}`,
      "rename",
      `sync ${join(directory, "a")}`,
    ]);
  });

  it("throws snapshot-write-failed with the system's code, and goes on when the cause is gone", async () => {
    const directory = place();
    await writeFile(directory, "a file where the folder should be");
    await expect(new FileSnapshotStore({ directory }).save(snapshotOf("a", PARTS))).rejects.toMatchObject({
      code: "snapshot-write-failed",
      retryable: true,
      message: expect.stringMatching(/could not be written to .*(EEXIST|ENOTDIR)/),
    });
    const store = new FileSnapshotStore({ directory: place() });
    const first = await store.save(snapshotOf("a", PARTS));
    vi.spyOn(process.getBuiltinModule("fs"), "renameSync").mockImplementationOnce(() => {
      throw Object.assign(new Error("EIO: i/o error, rename"), { code: "EIO" });
    });
    await expect(store.save(snapshotOf("a", PARTS))).rejects.toMatchObject({
      code: "snapshot-write-failed",
      message: expect.stringContaining("EIO"),
    });
    expect(await readdir(dirname(first.location))).toEqual(["0_plan"]);
    expect((await store.save(snapshotOf("a", PARTS))).generation).toBe(1);
  });

  it("says what the folder lacks when it is neither a snapshot's nor a task's", async () => {
    const directory = place();
    await mkdir(directory);
    const store = new FileSnapshotStore({ directory });
    await expect(store.load(directory)).rejects.toMatchObject({
      code: "snapshot-not-found",
      message: expect.stringContaining("manifest.json"),
    });
    await expect(store.load(join(directory, "x"))).rejects.toMatchObject({
      code: "snapshot-not-found",
      message: expect.stringContaining("no such folder"),
    });
  });

  it("saves again into a place that was removed under it", async () => {
    const store = new FileSnapshotStore({ directory: place() });
    const { location } = await store.save(snapshotOf("a", PARTS));
    await rm(dirname(dirname(location)), { recursive: true });
    expect((await store.save(snapshotOf("a", PARTS))).generation).toBe(1);
  });

  it("removes what dead savers left after an hour, and nothing younger", async () => {
    const store = new FileSnapshotStore({ directory: place() });
    const task = dirname((await store.save(snapshotOf("a", PARTS))).location);
    for (const left of [".tmp-5", ".tmp-old-1", ".tmp-6"]) {
      await mkdir(join(task, left));
      await writeFile(join(task, left, "agent.json"), "{");
    }
    const hourAgo = Date.now() / 1000 - 3_700;
    for (const left of [".tmp-5", ".tmp-old-1"]) await utimes(join(task, left), hourAgo, hourAgo);
    await store.save(snapshotOf("a", PARTS));
    expect((await readdir(task)).sort()).toEqual([".tmp-6", "0_plan", "1_plan"]);
  });

  it("loads the newest snapshot while another store removes older ones", async () => {
    const directory = place();
    const saver = new FileSnapshotStore({ directory, keep: 1, fsync: false });
    const task = dirname((await saver.save(snapshotOf("a", PARTS))).location);
    let saved = 0;
    const saving = (async () => {
      for (; saved < 200; saved++) await saver.save(snapshotOf("a", PARTS));
    })();
    const reader = new FileSnapshotStore({ directory });
    let newest = 0;
    while (saved < 200) {
      const { generation } = await reader.load(task);
      expect(generation).toBeGreaterThanOrEqual(newest);
      newest = generation;
    }
    await saving;
  });

  it("imports no module of Node, and throws snapshot-no-file-system at its first use in a browser", async () => {
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, "../../src/snapshot/file.ts")],
      conditions: ["asimov-source"],
      bundle: true,
      format: "iife",
      globalName: "bundle",
      platform: "browser",
      write: false,
    });
    const code = outputFiles[0]?.text ?? "";
    expect(code).not.toMatch(/["']node:/);
    const browser = { TextEncoder, TextDecoder, URL };
    const thrown: unknown = runInNewContext(
      `${code}; const store = new bundle.FileSnapshotStore(); Promise.all([store.save({ taskId: "a", nodes: [], createdAt: 0, parts: new Map() }), store.load("x"), store.list("a")].map((use) => use.catch((error) => error)))`,
      browser,
    );
    const errors = (await thrown) as { code: string; message: string }[];
    expect(errors.map((error) => error.code)).toEqual(Array(3).fill("snapshot-no-file-system"));
    expect(errors[0]?.message).toContain("MemorySnapshotStore");
  });
});
