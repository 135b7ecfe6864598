import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { SnapshotRef } from "#contract/store/snapshot";
import { FileSnapshotStore } from "#snapshot/file";
import { newPlace, snapshotOf } from "./place.ts";

const FILES = ["agent.json", "cache.json", "task.json", "manifest.json"];
const PARTS = {
  agent: '{"plan":[["plan"]]}',
  "node/plan": '"WAITING"',
  "value/draft": '"é🙂"',
  "mailbox/2/in": "[1,2]",
  task: '{"id":"a"}',
};

describe("file snapshot store, damaged", () => {
  const place = newPlace();
  let store: FileSnapshotStore;
  let older: SnapshotRef;
  let newer: SnapshotRef;

  beforeEach(async () => {
    store = new FileSnapshotStore({ directory: place(), fsync: false });
    older = await store.save(snapshotOf("a", { ...PARTS, agent: '{"plan":[["1234"]]}' }));
    newer = await store.save(snapshotOf("a", PARTS));
  });

  const fileOf = (ref: SnapshotRef, file: string): string => join(ref.location, file);
  const task = (): string => dirname(newer.location);

  /** A manifest of someone who knows how to make its checksum. */
  async function forge(ref: SnapshotRef, change: (manifest: Record<string, unknown>) => void): Promise<void> {
    const { sha256: _, ...manifest } = JSON.parse(await readFile(fileOf(ref, "manifest.json"), "utf8")) as Record<string, unknown>;
    change(manifest);
    const body = `${JSON.stringify(manifest).slice(1)}\n`;
    await writeFile(fileOf(ref, "manifest.json"), `{"sha256":"${createHash("sha256").update(body).digest("hex")}",\n${body}`);
  }

  it.each(FILES)("finds a flipped bit at every byte of %s, and names the file", async (file) => {
    const whole = await readFile(fileOf(newer, file));
    const missed: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (whole[at] as number) ^ (1 << (at % 8));
      await writeFile(fileOf(newer, file), flipped);
      const error: unknown = await store.load(newer).catch((thrown: unknown) => thrown);
      const { code, message } = error as { code?: string; message?: string };
      const told = message?.includes(fileOf(newer, file)) && message.includes("expected") && message.includes("found");
      if (!told || (code !== "snapshot-damaged" && code !== "snapshot-format")) missed.push(at);
    }
    expect(missed).toEqual([]);
    await writeFile(fileOf(newer, file), whole);
    expect((await store.load(newer)).parts).toEqual(new Map(Object.entries(PARTS)));
  });

  it.each(FILES)("finds %s cut at any length, or with a byte too many", async (file) => {
    const whole = await readFile(fileOf(newer, file));
    await writeFile(fileOf(newer, file), Buffer.concat([whole, Buffer.from(" ")]));
    await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-damaged" });
    await writeFile(fileOf(newer, file), whole);
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(fileOf(newer, file), length);
      await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-damaged" });
    }
  });

  it.each(FILES)("finds that %s is missing", async (file) => {
    await rm(fileOf(newer, file));
    const expected = {
      code: "snapshot-damaged",
      message: expect.stringMatching(new RegExp(`${file} is damaged: expected .*no such file`)),
    };
    await expect(store.load(newer)).rejects.toMatchObject(expected);
    await expect(store.load(newer.location)).rejects.toMatchObject(expected);
  });

  it("tells the size that it expected and the one that it found", async () => {
    await truncate(fileOf(newer, "agent.json"), 5);
    await expect(store.load(newer)).rejects.toMatchObject({
      message: expect.stringMatching(/agent\.json is damaged: expected \d+ bytes, found 5\./),
    });
  });

  it("tells a snapshot that cannot be read from one that is damaged", async () => {
    await rm(fileOf(newer, "agent.json"));
    await symlink("agent.json", fileOf(newer, "agent.json"));
    await expect(store.load(newer)).rejects.toMatchObject({
      code: "snapshot-read-failed",
      retryable: true,
      message: expect.stringContaining("ELOOP"),
    });
  });

  it("finds a file of another snapshot of the same size", async () => {
    await cp(fileOf(older, "agent.json"), fileOf(newer, "agent.json"));
    await expect(store.load(newer)).rejects.toMatchObject({
      code: "snapshot-damaged",
      message: expect.stringMatching(/agent\.json.*expected sha-256/),
    });
  });

  it("finds parts that were not JSON when they were saved", async () => {
    const ref = await store.save(snapshotOf("a", { agent: "{" }));
    await expect(store.load(ref)).rejects.toMatchObject({ code: "snapshot-damaged", message: expect.stringContaining("agent.json") });
  });

  it("ignores files that it did not write", async () => {
    await writeFile(fileOf(newer, "notes.txt"), "mine");
    await writeFile(join(task(), "98_notes.txt"), "mine");
    await writeFile(join(task(), "99_notes"), "mine");
    await mkdir(join(task(), "notes"));
    expect((await store.load(newer)).generation).toBe(1);
    expect((await store.load(task())).generation).toBe(1);
  });

  it("refuses another format, and says which", async () => {
    await forge(newer, (manifest) => Object.assign(manifest, { format: 2 }));
    await expect(store.load(newer)).rejects.toMatchObject({
      code: "snapshot-format",
      message: expect.stringContaining("expected snapshot format 1, found 2"),
    });
  });

  it("refuses another format whose manifest has no checksum that it knows", async () => {
    await writeFile(fileOf(newer, "manifest.json"), '{"format":7,"all":"new"}');
    await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-format", message: expect.stringContaining("found 7") });
  });

  it("reads no file outside the snapshot, whatever the manifest says", async () => {
    await forge(newer, (manifest) => Object.assign(manifest, { files: [{ name: "../../secret", bytes: 0, sha256: "", parts: [] }] }));
    await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-damaged", message: expect.stringContaining("files.0.name") });
  });

  it("refuses a manifest that does not fit its files", async () => {
    await forge(newer, (manifest) => Object.assign((manifest.files as { parts: unknown }[])[0] as object, { parts: [["agent", 3]] }));
    await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-damaged", message: expect.stringContaining("agent.json") });
  });

  it("passes over damaged snapshots when it loads the folder of a task", async () => {
    await rm(fileOf(newer, "cache.json"));
    const third = await store.save(snapshotOf("a", PARTS));
    await rm(fileOf(third, "manifest.json"));
    const found = await store.load(task());
    expect(found.generation).toBe(0);
    expect(found.parts.get("agent")).toBe('{"plan":[["1234"]]}');
  });

  it("says what it passed over when no snapshot of the task is whole", async () => {
    await rm(fileOf(newer, "cache.json"));
    await writeFile(fileOf(older, "task.json"), "{}");
    const error: unknown = await store.load(task()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "snapshot-damaged" });
    expect((error as Error).message).toContain(fileOf(newer, "cache.json"));
    expect((error as Error).message).toContain(fileOf(older, "task.json"));
  });

  it("does not go back before a snapshot of another format, whose work would be done twice", async () => {
    await forge(newer, (manifest) => Object.assign(manifest, { format: 2 }));
    await expect(store.load(task())).rejects.toMatchObject({ code: "snapshot-format" });
  });

  it("neither lists nor loads what a torn write left, and passes over its generation", async () => {
    const torn = join(task(), ".tmp-2");
    await cp(newer.location, torn, { recursive: true });
    await truncate(join(torn, "agent.json"), 5);
    expect((await store.list("a")).map((ref) => ref.generation)).toEqual([0, 1]);
    expect((await store.load(task())).generation).toBe(1);
    expect((await store.save(snapshotOf("a", PARTS))).generation).toBe(3);
    expect(await readdir(task())).toContain(".tmp-2");
  });

  it("loads a snapshot that was moved, by its new folder", async () => {
    const moved = join(dirname(task()), "archive", basename(newer.location));
    await mkdir(dirname(moved));
    await rename(newer.location, moved);
    expect((await store.load(moved)).parts).toEqual(new Map(Object.entries(PARTS)));
    await expect(store.load(newer)).rejects.toMatchObject({ code: "snapshot-not-found" });
  });
});
