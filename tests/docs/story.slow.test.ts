/** The README's story: its programs, saved as files and run by its commands, one of them killed in the middle, print its transcripts. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, run } from "../support/program.ts";
import { blocksOf, readPages } from "./pages.ts";
import { userProject } from "./user-project.ts";

const pages = await readPages();
/** By the name that its first line says. */
const programs = new Map(
  blocksOf(pages, "ts").flatMap(({ code }) => {
    const name = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
    return name === undefined ? [] : [[name, code] as const];
  }),
);

interface Command {
  /** What `node` is given. */
  readonly args: readonly string[];
  readonly isKilled: boolean;
  readonly prints: string;
}

/**
 * A transcript is a command after `$ `, and what it prints. One in the background (`&`) is killed by the next command when all of that has
 * been printed. What begins with the number of a job is what the shell says of it, and not compared.
 */
function commandOf(transcript: string): Command {
  const lines = transcript.trimEnd().split("\n");
  const [typed = "", ...rest] = lines.filter((line) => !line.startsWith("[1]"));
  const [, given = "", isBehind] = /^\$ node (.*?)( &)?$/.exec(typed) ?? [];
  const isKilled = rest.at(-1) === "$ kill -9 %1";
  expect({ typed, isKilled }).toEqual({ typed: expect.stringMatching(/^\$ node /), isKilled: isBehind !== undefined });
  return { args: given.split(" "), isKilled, prints: `${(isKilled ? rest.slice(0, -1) : rest).join("\n")}\n` };
}

/**
 * What comes in one turn is one generation: how many a run has, and for which nodes, is the machine's. That there is one for its start, for each
 * step and for its end is not. Each tells an event, so that the numbers of those that come after it are the machine's, too.
 */
const comparable = (printed: string): string =>
  printed
    .replace(/^ \d+\. progress.*\n/gm, "")
    .replace(/^ \d+\. (\w+).*$/gm, " N. $1")
    .replace(/^ event \d+:/gm, " event N:");

let place: string;

beforeAll(async () => {
  place = await userProject("");
  for (const [name, code] of programs) await writeFile(join(place, name), code);
});

afterAll(async () => {
  await rm(place, { recursive: true, force: true });
});

/** With the package's sources under its public name. */
const perform = ({ args, isKilled, prints }: Command): Promise<Ended> =>
  run(process.execPath, ["--conditions=asimov-source", ...args], {
    cwd: place,
    onOutput(stdout, kill) {
      if (isKilled && stdout.length >= prints.length) kill();
    },
  });

describe("the story of the README", () => {
  // Five programs, one after another, on a machine that other tests work on, too.
  it("is what happens to whoever types it in", { timeout: 600_000 }, async () => {
    const commands = blocksOf(pages, "console").map(({ code }) => commandOf(code));
    expect(commands.map(({ args: [name], isKilled }) => [name, isKilled])).toEqual([
      ["report.ts", false],
      ["report.ts", true],
      ["report.ts", false],
      ["report.ts", false],
      ["look.ts", false],
    ]);
    for (const command of commands) {
      const end = command.isKilled ? { code: null, signal: "SIGKILL" } : { code: 0, signal: null };
      const ended = await perform(command);
      expect({ ...ended, stdout: comparable(ended.stdout) }).toEqual({ stdout: comparable(command.prints), stderr: "", ...end });
    }
  });
});
