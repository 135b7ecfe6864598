import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Lease } from "#contract/store/run-record";
import { FileStore } from "#store/file/store";
import { commitOf, newRun, owned, owner } from "#testing/run-law";
import { newPlace } from "./place.ts";

const FILES = ["agent.json", "cache.json", "task.json", "manifest.json"];
const PARTS = { agent: '{"plan":[["plan"]]}', "node/plan": '"WAITING"', "cache/draft": '"é🙂"', task: '{"id":"a"}' };

describe("file store, damaged", () => {
  const place = newPlace();
  let dir: string;
  let store: FileStore;
  let lease: Lease;
  const folder = (generation: number): string => join(dir, "a", `${generation}_plan`);

  beforeEach(async () => {
    dir = place();
    store = new FileStore({ dir, fsync: false });
    lease = await owned(store, "a", owner(), { first: commitOf(1, PARTS, { nodes: ["plan"] }) });
    await store.commit(lease, commitOf(2, { ...PARTS, agent: "[2]" }, { nodes: ["plan"] }));
  });

  it("lays out a run so that a person can read it", () => {
    const [log] = readdirSync(join(dir, "a")).filter((name) => name.startsWith("run-"));
    expect(readdirSync(join(dir, "a")).sort()).toEqual(["1_plan", "2_plan", "inbox", log].sort());
    expect(readdirSync(folder(1)).sort()).toEqual([...FILES].sort());
    expect(JSON.parse(readFileSync(join(folder(1), "agent.json"), "utf8"))).toEqual({
      agent: { plan: [["plan"]] },
      "node/plan": "WAITING",
    });
    expect(JSON.parse(readFileSync(join(folder(1), "task.json"), "utf8"))).toEqual({ id: "a" });
    const { sha256: _, ...manifest } = JSON.parse(readFileSync(join(folder(2), "manifest.json"), "utf8")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ format: 2, taskId: "a", generation: 2, token: 1, nodes: ["plan"], base: 1, info: '{"generation":2}' });
    expect(JSON.parse(readFileSync(join(dir, "a", log as string, "2.json"), "utf8"))).toMatchObject({
      number: 2,
      run: { taskId: "a", generation: 2 },
    });
  });

  it.each(FILES)("finds a flipped bit at every byte of %s, and passes the generation over by name", async (file) => {
    const path = join(folder(2), file);
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      writeFileSync(
        path,
        whole.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte)),
      );
      const found = await store.load("a").catch((error: unknown) => error as { code?: string });
      if ("code" in (found ?? {})) {
        expect(found).toMatchObject({ code: "snapshot-format" });
        continue;
      }
      expect(found).toMatchObject({ generation: 1, passedOver: [expect.stringMatching(/^Generation 2: .*(?:is damaged|found none)/)] });
      await expect(store.load("a", 2)).rejects.toMatchObject({ code: "snapshot-damaged" });
    }
    writeFileSync(path, whole);
    expect(await store.load("a")).toMatchObject({ generation: 2, passedOver: [] });
  });

  it.each(FILES)("finds that %s is cut or missing", async (file) => {
    const path = join(folder(2), file);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await store.load("a")).toMatchObject({ generation: 1, passedOver: [expect.stringContaining(file)] });
    }
    rmSync(path);
    expect(await store.load("a")).toMatchObject({ generation: 1 });
  });

  it("names every generation where none is whole", async () => {
    for (const generation of [1, 2]) rmSync(join(folder(generation), "manifest.json"));
    const message = expect.stringMatching(/None of the generations.*\n- Generation 2: .*\n- Generation 1: /);
    await expect(store.load("a")).rejects.toMatchObject({ code: "snapshot-damaged", message });
  });

  it("goes on after a damaged generation with all parts anew", async () => {
    writeFileSync(join(folder(2), "agent.json"), "");
    const { parts } = (await store.load("a")) ?? { parts: new Map() };
    expect(await store.commit(lease, commitOf(3, {}, { put: parts, whole: true }))).toMatchObject({ ok: true });
    expect(await store.load("a")).toMatchObject({ generation: 3, parts: new Map(Object.entries(PARTS)), passedOver: [] });
  });

  it("needs none of the first generations of a small run, once what came since has outgrown them", async () => {
    for (let generation = 3; generation <= 24; generation++)
      await store.commit(lease, commitOf(generation, { [`node/${generation}`]: `"${"x".repeat(400)}"` }, { nodes: ["plan"] }));
    for (const generation of [1, 2]) rmSync(folder(generation), { recursive: true });
    const found = await store.load("a");
    expect(found).toMatchObject({ generation: 24, passedOver: [] });
    expect([found?.parts.get("agent"), found?.parts.size]).toEqual(["[2]", Object.keys(PARTS).length + 22]);
  });

  it("takes no folder of another task or generation for its own, and leaves strangers' files alone", async () => {
    await owned(store, "b", owner(), { first: commitOf(1, { agent: '"of b"' }, { nodes: ["plan"] }) });
    for (const name of ["notes.txt", "98_notes.txt"]) writeFileSync(join(dir, "a", name), "mine");
    mkdirSync(join(dir, "a", "99_notes"));
    cpSync(join(dir, "b", "1_plan"), join(dir, "a", "3_plan"), { recursive: true });
    cpSync(folder(1), join(dir, "a", "4_plan"), { recursive: true });
    mkdirSync(join(dir, "notes"));
    writeFileSync(join(dir, "note"), "mine");
    expect(await store.load("a")).toMatchObject({ generation: 2, passedOver: [] });
    for (let generation = 3; generation <= 20; generation++) {
      expect(await store.commit(lease, commitOf(generation, { agent: `[${generation}]` }, { nodes: ["plan"] }))).toMatchObject({
        ok: true,
      });
      expect((await store.load("a"))?.parts.get("agent")).toBe(`[${generation}]`);
    }
    expect((await store.find({ limit: 9 })).map(({ taskId }) => taskId).sort()).toEqual(["a", "b"]);
    expect(existsSync(join(dir, "a", "notes.txt"))).toBe(true);
  });

  it("names the step that is damaged, in whatever asks for the run, and writes nothing", async () => {
    const [log] = readdirSync(join(dir, "a")).filter((name) => name.startsWith("run-"));
    const path = join(dir, "a", log as string, "2.json");
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, whole.replace('"token": 1', '"token": 9'));
    const other = new FileStore({ dir, fsync: false });
    for (const call of [
      other.read("a"),
      other.load("a"),
      other.claim("a", owner()),
      other.post("a", { kind: "message", id: "m", mailbox: "x", body: "1" }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "snapshot-damaged", message: expect.stringContaining(path) });
    }
    expect(await other.find({ limit: 9 })).toEqual([]);
    writeFileSync(path, whole);
    expect(await other.read("a")).toMatchObject({ generation: 2, token: 1 });
  });

  it("says where the snapshots of format 1 are, and leaves them", async () => {
    const old = join(dir, "old", "0_plan");
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, "manifest.json"), '{"sha256":"","format":1}');
    const error = { code: "snapshot-format", message: expect.stringMatching(/0_plan.*expected format 2, found 1/) };
    for (const call of [store.read("old"), store.load("old"), store.claim("old", owner()), owned(store, "old")]) {
      await expect(call).rejects.toMatchObject(error);
    }
    mkdirSync(join(dir, "mine", "notes"), { recursive: true });
    expect(await store.read("mine")).toBeUndefined();
    await expect(owned(store, "mine")).rejects.toMatchObject({
      code: "snapshot-format",
      message: expect.stringContaining(join(dir, "mine")),
    });
    expect(readdirSync(join(dir, "old"))).toEqual(["0_plan"]);
    expect(readdirSync(dir).filter((name) => name.startsWith(".tmp"))).toEqual([]);
  });

  it("refuses a step of a later format, and says which", async () => {
    const [log] = readdirSync(join(dir, "a")).filter((name) => name.startsWith("run-"));
    writeFileSync(join(dir, "a", log as string, "3.json"), '{"format":3}');
    const message = expect.stringContaining("expected format 2, found 3");
    await expect(new FileStore({ dir }).read("a")).rejects.toMatchObject({ code: "snapshot-format", message });
  });

  it.each(["", "within"])("says at once that its path is a file and no folder (%s), and leaves it", async (within) => {
    const file = join(dir, "note");
    writeFileSync(file, "mine");
    const path = join(file, within);
    const over = new FileStore({ dir: path });
    for (const call of [
      over.read("a"),
      over.load("a"),
      over.claim("a", owner()),
      over.find({ limit: 1 }),
      over.prune({}),
      over.create(newRun("a")),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "store-unavailable", message: expect.stringContaining(`${path} is a file`) });
    }
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it("keeps its runs where the environment says", async () => {
    vi.stubEnv("ASIMOV_SNAPSHOT", join(dir, "elsewhere"));
    await owned(new FileStore({ fsync: false }));
    expect(existsSync(join(dir, "elsewhere", "a"))).toBe(true);
    vi.unstubAllEnvs();
  });

  it("needs few folders for many generations of a large run, and drops those of none", async () => {
    const parts = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`node/${n}`, `"${"x".repeat(100)}"`]));
    const large = await owned(store, "large", owner(), { first: commitOf(1, parts) });
    for (let generation = 2; generation <= 600; generation++)
      await store.commit(large, commitOf(generation, { [`node/${generation % 300}`]: `"${generation}"` }));
    const folders = readdirSync(join(dir, "large")).filter((name) => /^\d/.test(name));
    expect(folders.length).toBeLessThan(180);
    const steps = readdirSync(join(dir, "large", readdirSync(join(dir, "large")).find((name) => name.startsWith("run-")) as string));
    expect(steps.length).toBeLessThan(40);
    const found = await store.load("large", 502);
    expect(found?.parts.get("node/202")).toBe('"502"');
    expect(found?.parts.get("node/203")).toBe('"203"');
  });
});
