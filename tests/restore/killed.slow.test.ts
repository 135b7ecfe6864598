import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TASK_ID } from "./fixture.ts";

const SCRIPT = join(import.meta.dirname, "killed-process.ts");
const root = mkdtempSync(join(tmpdir(), "asimov-killed-"));
let folders = 0;

interface Ran {
  end: unknown;
  signal: string | null;
  /** What the process's modules noted. */
  places: string[];
  keys: Map<string, string>;
}

async function run(mode: "run" | "resume", directory: string, killAt?: string): Promise<Ran> {
  const log = `${directory}.${mode}.log`;
  const argv = ["--conditions=asimov-source", SCRIPT, mode, directory, log, ...(killAt === undefined ? [] : [killAt])];
  const { stdout, signal } = await new Promise<{ stdout: string; signal: string | null }>((resolve, reject) => {
    execFile(process.execPath, argv, { maxBuffer: 2 ** 24 }, (error, out, stderr) => {
      const killedBy = error?.signal ?? null;
      if (error !== null && killedBy === null) reject(new Error(stderr));
      else resolve({ stdout: out, signal: killedBy });
    });
  });
  const notes = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ") as [string, string]);
  return { end: stdout === "" ? undefined : JSON.parse(stdout), signal, places: notes.map(([place]) => place), keys: new Map(notes) };
}

const newDirectory = (): string => join(root, String(folders++));
const generations = (directory: string): number[] =>
  readdirSync(join(directory, TASK_ID))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);

/** What is in the same step as a place, and so runs again with it. */
const STEP = new Set(["both.1.1/good", "both.1.1/bad", "both.1.2/good", "both.1.2/bad", "read.1.1/read"]);

describe("a run whose process is killed", () => {
  let whole: Ran;

  beforeAll(async () => {
    whole = await run("run", newDirectory());
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it.concurrent.each([
    "start.1.1/start",
    "both.1.1/good",
    "both.1.2/bad",
    "read.1.1/read",
    "first.1.1/first",
    "deepest.1.1/deepest",
    "last.1.1/last",
    "work.1.1/work",
    "again?.2.1/note",
    "work.3.1/work",
    "grow.1.1/before",
    "grown.1.1/grown",
    "end.1.1/end",
  ])("ends in a fresh process as the one that was never killed: at %s", async (place) => {
    const directory = newDirectory();
    const killed = await run("run", directory, place);
    expect(killed.signal).toBe("SIGKILL");
    expect(killed.places.at(-1)).toBe(place);
    const before = generations(directory);

    const resumed = await run("resume", directory);
    expect(resumed.end).toEqual(whole.end);
    const again = STEP.has(place) ? killed.places.filter((each) => STEP.has(each)) : [place];
    expect(killed.places.filter((each) => resumed.places.includes(each))).toEqual(again);
    expect([...new Set([...killed.places, ...resumed.places])].sort()).toEqual([...whole.places].sort());
    expect(resumed.places).toHaveLength(new Set(resumed.places).size);
    for (const each of again) expect(resumed.keys.get(each)).toBe(killed.keys.get(each));
    expect(generations(directory)).toEqual(Array.from({ length: generations(directory).length }, (_, generation) => generation));
    expect(generations(directory).length).toBeGreaterThanOrEqual(before.length);
  });

  it("may be killed again and again, wherever it goes on", async () => {
    const directory = newDirectory();
    await run("run", directory, "work.1.1/work");
    for (const place of ["work.1.1/work", "again?.1.1/note", "work.3.1/work", "grown.1.1/grown"]) {
      expect((await run("resume", directory, place)).signal).toBe("SIGKILL");
    }
    expect((await run("resume", directory)).end).toEqual(whole.end);
  });
});
