import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { chance, past } from "#testing/run-law";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { newPlace } from "./place.ts";
import { sharedStores } from "./shared-stores.ts";
import { chapter, type Driver, expectStory, ON_DISK, openStore, takeOver } from "./story.ts";

const KILLS = counted(10, 200);

const script = (name: string, ...rest: string[]): string[] => ["--conditions=asimov-source", join(import.meta.dirname, name), ...rest];
const start = (command: string, args: readonly string[]): ChildProcess => spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
const writer = (driver: Driver, place: string, taskId: string, count: number, ...rest: string[]): ChildProcess =>
  start(process.execPath, script("store-process.ts", driver, place, taskId, String(count), ...rest));

/** Ends with the process; gives its lines to `line` as they come. */
async function linesOf(child: ChildProcess, line: (text: string) => unknown): Promise<void> {
  const exit = once(child, "close");
  if (child.stdout === null) throw new Error("the child has no standard output");
  for await (const text of createInterface({ input: child.stdout })) line(text);
  await exit;
}

const newFolder = newPlace();
const place = (): string => {
  const folder = newFolder();
  mkdirSync(folder);
  return folder;
};

describe.each(sharedStores())("%s store between processes", (driver) => {
  it(`has all that was acknowledged, and only whole generations, after each of ${KILLS} kill -9, seed ${SEED}`, {
    timeout: LONG_MS,
  }, async () => {
    const folder = place();
    const random = chance(SEED);
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = writer(driver, folder, "shared", 10_000);
      const after = Math.floor(random() * 25);
      let lines = 0;
      let turns = Math.floor(random() ** 3 * 300);
      const die = (): void => {
        if (turns-- > 0) setImmediate(die);
        else child.kill("SIGKILL");
      };
      await linesOf(child, (text) => {
        expect(text).toMatch(/^\d+$/);
        acknowledged = Math.max(acknowledged, Number(text));
        if (lines++ === after) die();
      });
      expect(child.signalCode).toBe("SIGKILL");
      const store = openStore(driver, folder);
      const generation = await expectStory(store, "shared", acknowledged);
      expect(generation).toBeLessThanOrEqual(acknowledged + 1);
      await store.close();
    }
  });

  it("serves two processes at once, and tells one of what the other does", async () => {
    const folder = place();
    const store = openStore(driver, folder);
    await store.now();
    let hints = 0;
    const end = store.subscribe(() => hints++);
    const made = new Map<string, string[]>([
      ["left", []],
      ["right", []],
    ]);
    await Promise.all([...made].map(([taskId, lines]) => linesOf(writer(driver, folder, taskId, 60), (text) => lines.push(text))));
    const expected = Array.from({ length: 61 }, (_, n) => String(n + 1));
    expect(Object.fromEntries(made)).toEqual({ left: expected, right: expected });
    for (const taskId of made.keys()) expect(await expectStory(store, taskId, 61)).toBe(61);
    expect(hints).toBeGreaterThan(0);
    end();
    await store.close();
  });

  it("refuses what an owner writes that slept past its lease while an heir went on", async () => {
    const folder = place();
    const told: string[] = [];
    const child = writer(driver, folder, "a", 10_000, "1500", "4");
    const store = openStore(driver, folder);
    try {
      let sleeps: () => void = () => {};
      const isAsleep = new Promise<void>((resolve) => {
        sleeps = resolve;
      });
      const ended = linesOf(child, (text) => {
        told.push(text);
        if (text === "4") sleeps();
      });
      await isAsleep;
      await past(store, (await store.read("a"))?.lease?.until ?? 0);
      const { lease, generation } = await takeOver(store, "a");
      expect(generation).toBe(4);
      for (let next = 5; next <= 24; next++) expect(await store.commit(lease, chapter(next))).toMatchObject({ ok: true });
      child.kill("SIGCONT");
      await ended;
      expect(told).toEqual(["1", "2", "3", "4", "fenced"]);
      expect(await expectStory(store, "a", 24)).toBe(24);
    } finally {
      child.kill("SIGKILL");
      await store.close();
    }
  });
});

describe.each(ON_DISK)("%s store on a full disk", (driver) => {
  it("says that there is no room for a part, keeps what was there, and goes on", async () => {
    const folder = place();
    const limited = [
      "-c",
      'trap "" XFSZ; ulimit -f 6000; exec "$0" "$@"',
      process.execPath,
      ...script("starved-process.ts", driver, folder),
    ];
    let output = "";
    await linesOf(start("sh", limited), (text) => {
      output += text;
    });
    expect(JSON.parse(output)).toEqual({
      code: expect.stringMatching(driver === "file" ? /^snapshot-write-failed$/ : /^store-(?:full|unavailable)$/),
      retryable: true,
      message: expect.stringContaining(folder),
      after: [1, [["agent", "{}"]]],
      next: true,
      parts: [["agent", "[]"]],
    });
  });
});
