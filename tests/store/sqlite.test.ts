import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteStore } from "#store/sqlite/store";
import { commitOf, newRun, owned, owner } from "#testing/run-law";
import { turned } from "../support/manual-clock.ts";
import { newPlace } from "./place.ts";

const copied = (file: string): string => {
  copyFileSync(file, `${file}.copy`);
  return `${file}.copy`;
};

const emptied = (file: string): string => {
  writeFileSync(file, "");
  return file;
};

describe("SQLite store", () => {
  const place = newPlace();
  let file: string;
  beforeEach(() => {
    const folder = place();
    mkdirSync(folder);
    file = join(folder, "runs.db");
  });

  it("refuses unknown options, and makes nothing before it is used", () => {
    expect(() => new SqliteStore({ file, files: 1 } as never)).toThrow(expect.objectContaining({ code: "invalid-options" }));
    expect(() => new SqliteStore({} as never)).toThrow(expect.objectContaining({ message: expect.stringContaining("file") }));
    new SqliteStore({ file });
    expect(readdirSync(join(file, ".."))).toEqual([]);
  });

  it("keeps its file from others, and makes the folder", async () => {
    const inner = join(file, "..", "deep", "er", "runs.db");
    const store = new SqliteStore({ file: inner });
    await owned(store);
    expect(statSync(inner).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("says at once that a Node has no node:sqlite", () => {
    const real = process.getBuiltinModule.bind(process);
    vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
      name === "node:sqlite" ? undefined : real(name as "fs")) as never);
    const message = expect.stringMatching(/node:sqlite.*22\.13.*this is v\d+/);
    expect(() => new SqliteStore({ file })).toThrow(expect.objectContaining({ code: "store-unavailable", message }));
    vi.restoreAllMocks();
  });

  it("refuses a database of another schema, naming both versions", async () => {
    const store = new SqliteStore({ file });
    await owned(store);
    await store.close();
    const database = new DatabaseSync(file);
    database.exec("pragma user_version = 7");
    database.close();
    const error = { code: "store-format", message: expect.stringMatching(/expected schema version 2, found version 7/) };
    await expect(new SqliteStore({ file }).read("a")).rejects.toMatchObject(error);
    await expect(new SqliteStore({ file }).create(newRun("b"))).rejects.toMatchObject(error);
  });

  it("leaves the tables of another program alone", async () => {
    const database = new DatabaseSync(file);
    database.exec("create table mine (a)");
    await expect(new SqliteStore({ file }).create(newRun("a"))).rejects.toMatchObject({ code: "store-format" });
    expect(database.prepare("select name from sqlite_schema").all()).toEqual([{ name: "mine" }]);
    database.close();
  });

  it("says that a file is no database, or is damaged", async () => {
    writeFileSync(file, "no database ".repeat(1_000));
    await expect(new SqliteStore({ file }).read("a")).rejects.toMatchObject({
      code: "store-damaged",
      message: expect.stringContaining(file),
    });
    await expect(new SqliteStore({ file: join(file, "x.db") }).create(newRun("a"))).rejects.toMatchObject({
      code: "store-unavailable",
      retryable: true,
    });
  });

  it("waits outside of the thread while another process holds the database, and goes on when it is back", async () => {
    const store = new SqliteStore({ file });
    const lease = await owned(store);
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    let made = 0;
    const commits = [2, 3, 4].map((generation) => store.commit(lease, commitOf(generation, { agent: `${generation}` })).then(() => made++));
    for (let turn = 0; turn < 200; turn++) await turned();
    expect([made, (await store.read("a"))?.generation]).toEqual([0, 1]);
    other.exec("commit");
    await Promise.all(commits);
    expect([made, (await store.load("a"))?.parts.get("agent")]).toEqual([3, "4"]);
    other.close();
    await store.close();
  });

  it("fails as store-busy when it waits too long; the same commit is made when the database is back", async () => {
    const store = new SqliteStore({ file, busyMs: 5 });
    const lease = await owned(store);
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    const error = { code: "store-busy", retryable: true, message: expect.stringContaining(file) };
    await expect(store.commit(lease, commitOf(2))).rejects.toMatchObject(error);
    await expect(store.claim("b", owner())).rejects.toMatchObject(error);
    other.exec("commit");
    expect(await store.commit(lease, commitOf(2))).toMatchObject({ ok: true });
    other.close();
    await store.close();
  });

  it("makes what comes in one turn one transaction, and a step that is refused spoils no other", async () => {
    const store = new SqliteStore({ file });
    const lease = await owned(store, "a");
    await owned(store, "b");
    const other = new DatabaseSync(file);
    const version = (): unknown => other.prepare("pragma data_version").get();
    const before = version();
    const wrong = store.commit(lease, commitOf(2, {}, { consumed: [9] })).catch(({ code }: { code: string }) => code);
    const results = await Promise.all([wrong, ...Array.from({ length: 50 }, (_, n) => store.create(newRun(`run ${n}`)))]);
    expect(results[0]).toBe("commit-invalid");
    expect(results.slice(1).every((result) => typeof result === "object" && result.ok)).toBe(true);
    expect((version() as { data_version: number }).data_version - (before as { data_version: number }).data_version).toBe(1);
    expect((await store.find({ limit: 100 })).length).toBe(52);
    other.close();
    await store.close();
  });

  it.each<[string, () => void]>([
    ["was removed", () => rmSync(file)],
    ["was replaced by a copy", () => renameSync(copied(file), file)],
    ["was replaced by an empty one", () => renameSync(emptied(`${file}.new`), file)],
  ])("acknowledges nothing, and gives nothing, when its file %s under it, and goes on when it is back", async (_what, away) => {
    const store = new SqliteStore({ file });
    const lease = await owned(store);
    linkSync(file, `${file}.kept`);
    away();
    const error = { code: "store-replaced", retryable: false, message: expect.stringContaining(file) };
    await expect(store.commit(lease, commitOf(2))).rejects.toMatchObject(error);
    await expect(store.renew(lease, 1_000)).rejects.toMatchObject(error);
    await expect(store.create(newRun("b"))).rejects.toMatchObject(error);
    await expect(store.read("a")).rejects.toMatchObject(error);
    await expect(store.find({ limit: 9 })).rejects.toMatchObject(error);
    renameSync(`${file}.kept`, file);
    expect(await store.commit(lease, commitOf((await store.read("a"))?.generation === 2 ? 3 : 2))).toMatchObject({ ok: true });
    await store.close();
  });

  it("writes what it was given before it closes", async () => {
    const store = new SqliteStore({ file });
    const lease = await owned(store);
    const commit = store.commit(lease, commitOf(2));
    await store.close();
    expect(await commit).toMatchObject({ ok: true });
    const again = new SqliteStore({ file });
    expect(await again.read("a")).toMatchObject({ generation: 2 });
    await again.close();
  });
});
