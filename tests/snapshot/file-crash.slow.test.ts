import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import type { SnapshotRef } from "#contract/store/snapshot";
import { FileSnapshotStore } from "#snapshot/file";
import { newPlace, snapshotOf } from "./place.ts";

const SCRIPT = join(import.meta.dirname, "file-process.ts");
const command = (mode: string, ...rest: string[]): string[] => ["--conditions=asimov-source", SCRIPT, mode, ...rest];

/** Ends with the process; gives its lines to `line` as they come. */
async function linesOf(child: ChildProcess, line: (text: string) => void): Promise<void> {
  const exit = once(child, "close");
  if (child.stdout === null) throw new Error("the child has no standard output");
  for await (const text of createInterface({ input: child.stdout })) line(text);
  await exit;
}

/** Loads each, and checks that it is the one that its process meant to save. */
async function loadAll(store: FileSnapshotStore, refs: readonly SnapshotRef[]): Promise<Set<string>> {
  const saved = new Set<string>();
  for (const ref of refs) {
    const { nodes, parts } = await store.load(ref);
    const { label, index } = JSON.parse(parts.get("agent") ?? "") as { label: string; index: number };
    expect(nodes).toEqual([`${label}-${index}`]);
    saved.add(`${label}-${index}`);
  }
  return saved;
}

describe("file snapshot store between processes", () => {
  const place = newPlace();

  it("has every snapshot that was acknowledged, and only whole ones, after each of 12 kill -9", async () => {
    const directory = place();
    const acknowledged: number[] = [];
    for (let kill = 0; kill < 12; kill++) {
      const child = spawn(process.execPath, command("loop", directory, `run${kill}`, "1000"), { stdio: ["ignore", "pipe", "inherit"] });
      let lines = 0;
      await linesOf(child, (text) => {
        acknowledged.push(Number(text));
        if (++lines === 1 + (kill % 4)) child.kill("SIGKILL");
      });
      expect(child.signalCode).toBe("SIGKILL");
      const store = new FileSnapshotStore({ directory });
      const refs = await store.list("shared");
      await loadAll(store, refs);
      expect(refs.map((ref) => ref.generation)).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const store = new FileSnapshotStore({ directory });
    expect((await store.save(snapshotOf("shared", { agent: "{}" }))).generation).toBeGreaterThan(Math.max(...acknowledged));
  });

  it("keeps all that two processes save of one task at once", async () => {
    const directory = place();
    const generations: number[] = [];
    const children = ["left", "right"].map((label) =>
      spawn(process.execPath, command("loop", directory, label, "25"), { stdio: ["ignore", "pipe", "inherit"] }),
    );
    await Promise.all(children.map((child) => linesOf(child, (text) => void generations.push(Number(text)))));
    expect(new Set(generations).size).toBe(50);
    const store = new FileSnapshotStore({ directory });
    const refs = await store.list("shared");
    expect(refs.map((ref) => ref.generation)).toEqual(generations.sort((a, b) => a - b));
    expect((await loadAll(store, refs)).size).toBe(50);
    expect((await readdir(join(directory, "shared"))).filter((entry) => entry.startsWith("."))).toEqual([]);
  });

  it("throws snapshot-write-failed when a file takes only a part of the bytes, and leaves what was there", async () => {
    const directory = place();
    const limited = ["-c", 'trap "" XFSZ; ulimit -f 2000; exec "$0" "$@"', process.execPath, ...command("once", directory, "limited")];
    const child = spawn("sh", limited, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    await linesOf(child, (text) => {
      output += text;
    });
    const report = JSON.parse(output) as Record<string, unknown>;
    expect(report).toMatchObject({ code: "snapshot-write-failed", retryable: true, parts: 2, entries: ["0_limited-0"], next: 1 });
    expect(report.message).toContain(join(directory, "shared"));
    expect(report.message).toContain("EFBIG");
  });
});
