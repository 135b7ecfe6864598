import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, type ProgramOptions, ROOT, run, runFile } from "../support/program.ts";

const TEXT = `# Robots

A robot may not injure a human being. A robot must obey the orders that human beings give it, unless an order would injure someone.
Robots that think about orders for too long do nothing at all, which is an injury too.

# Ships

A ship between planets carries robots, cargo and very few passengers. The captain of the ship sleeps for most of the journey.
Cargo that moves during the journey is what a captain fears most of all.
`;
/** By this limit the text needs more than one pass. */
const LIMIT = ["--words", "20"];
const NODES = ["plan", "count 1", "count 2", "weigh", "budget", "summarise 1", "summarise 2", "join", "decide"];

let place: string;
let file: string;
let folders = 0;

/** Runs the demo with a folder of snapshots that no other test uses, unless it is given one. */
async function demo(args: readonly string[], options: ProgramOptions & { snapshots?: string } = {}): Promise<Ended> {
  const { snapshots = join(place, `snapshots-${folders++}`), env, ...rest } = options;
  return runFile(join(ROOT, "examples/demo.ts"), args, { ...rest, env: { ...env, ASIMOV_SNAPSHOT: snapshots } });
}

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "asimov-demo-"));
  file = join(place, "robots.md");
  await writeFile(file, TEXT);
});

afterAll(async () => {
  await rm(place, { recursive: true, force: true });
});

/** What begins with a dot is the store's own. */
const runsIn = async (folder: string): Promise<string[]> => (await readdir(folder)).filter((name) => !name.startsWith("."));

describe("demo", () => {
  it("sums up the project's README within the limit", async () => {
    const { stdout, stderr, code } = await demo([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("COMPLETE   decide") });
    const [, all = "", sections = "", words = ""] =
      /^README\.md: (\d+) words in (\d+) sections, summed up in (\d+) after \d+ pass(?:es)?\n/.exec(stdout) ?? [];
    expect(Number(all)).toBeGreaterThan(500);
    expect(Number(sections)).toBeGreaterThan(5);
    expect(Number(words)).toBeGreaterThan(40);
    expect(Number(words)).toBeLessThanOrEqual(120);
  });

  it("sums up a file, and goes again until it is short enough", async () => {
    const { stdout, stderr, code } = await demo([...LIMIT, file]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        `${file}: 78 words in 2 sections, summed up in 17 after 3 passes`,
        "",
        "Robots [human, injure, orders, robot]",
        "  A robot must obey the orders that human beings give it, unless an order would injure someone.",
        "",
        "Ships [captain, cargo, journey, ship]",
        "",
      ].join("\n"),
    );
    expect(stderr).toContain("too long: decide goes back to budget\nEXECUTING  budget (visit 2)\n");
    expect(stderr).not.toContain("(visit 4)");
  });

  it("sums up standard input, as the file of the same text", async () => {
    const fromFile = await demo([file]);
    const fromInput = await demo([], { input: TEXT });
    const named = await demo(["-"], { input: TEXT });
    expect(fromInput.code).toBe(0);
    expect(fromInput.stdout).toBe(fromFile.stdout.replace(file, "standard input"));
    expect(named.stdout).toBe(fromInput.stdout);
  });

  it("reads the README where standard input is open and nothing comes", async () => {
    const { stdout, stderr, code } = await demo([], { holdsInput: true });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^README\.md: /);
    expect(stderr).toContain("Nothing comes on standard input; reading README.md instead.");
  });

  it("reads a text with Windows line ends, a mark at its start and no headings", async () => {
    const { stdout, code } = await demo([], { input: `\uFEFF${TEXT.replaceAll("# ", "").replaceAll("\n", "\r\n")}` });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^standard input: 80 words in 1 section,/);
  });

  it("writes plain lines where there is no terminal", async () => {
    const { stderr } = await demo([...LIMIT, file]);
    expect(stderr).not.toContain("\x1b");
    expect(stderr.split("\n").slice(0, 5)).toEqual([
      "EXECUTING  plan",
      "COMPLETE   plan",
      "EXECUTING  count 1 … 2",
      "COMPLETE   count 1 … 2",
      "EXECUTING  weigh",
    ]);
  });

  it("redraws its lines where there is a terminal", async () => {
    const command = [process.execPath, "--conditions=asimov-source", join(ROOT, "examples/demo.ts"), ...LIMIT, file];
    const script =
      process.platform === "darwin" || process.platform === "freebsd"
        ? ["-q", "/dev/null", ...command]
        : ["-qec", command.map((word) => `'${word}'`).join(" "), "/dev/null"];
    const { stdout, code } = await run("script", script, { env: { TERM: "xterm", ASIMOV_SNAPSHOT: join(place, "terminal") } });
    expect(code).toBe(0);
    const frames = stdout.replaceAll("\r", "").split("\x1b[7A\x1b[J");
    expect(frames.length).toBeGreaterThan(20);
    expect(frames[0]).toContain("WAITING    plan\nWAITING    count 1 … 2                ··\n");
    expect(frames.some((frame) => frame.startsWith("EXECUTING  plan\nWAITING    count 1 … 2 "))).toBe(true);
    expect(frames.at(-1)).toContain("COMPLETE   summarise 1 … 2 (visit 3)  ■■\n");
    expect(frames.at(-1)).toContain("summed up in 17 after 3 passes");
  });

  it("keeps nothing of a run that ended", async () => {
    const snapshots = join(place, "ended");
    await demo([file], { snapshots });
    expect(await runsIn(join(snapshots, "demo"))).toEqual([]);
    const { stderr, code } = await demo(["--resume"], { snapshots });
    expect({ stderr, code }).toEqual({ stderr: `There is no unfinished run in ${join(snapshots, "demo")}.\n`, code: 1 });
  });

  it("runs by the command that the README names", async () => {
    const snapshots = join(place, "npm");
    const { stdout, code } = await run("npm", ["run", "--silent", "demo", "--", ...LIMIT, file], { env: { ASIMOV_SNAPSHOT: snapshots } });
    expect(code).toBe(0);
    expect(stdout).toContain("summed up in 17 after 3 passes");
  });

  it("tells how it is used", async () => {
    const { stdout, stderr, code } = await demo(["--help"]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    for (const word of ["--crash-at NODE", "--resume", "--words N", "FILE"]) expect(stdout).toContain(word);
  });
});

describe.concurrent("demo after SIGKILL", () => {
  let whole: Ended;
  beforeAll(async () => {
    whole = await demo([...LIMIT, file]);
  });

  it.each(NODES)("ends as the uninterrupted run when it was killed in %s", async (node) => {
    const snapshots = join(place, `killed in ${node}`);
    const killed = await demo([...LIMIT, "--crash-at", node, file], { snapshots });
    expect(killed).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(killed.stdout).toContain(`Killed in ${node}.`);
    const command = /^ {2}npm run demo -- (--resume .*)$/m.exec(killed.stdout)?.[1] as string;
    // A shell takes the quotes away, as it would for whoever copies the command.
    const args = execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" })
      .trimEnd()
      .split("\n");
    const resumed = await demo(args, { snapshots: join(place, "elsewhere") });
    expect(resumed).toMatchObject({ stdout: whole.stdout, code: 0 });
    expect(await runsIn(join(snapshots, "demo"))).toEqual([]);
  });

  it("goes on with the latest run, does nothing twice that had finished, and may be killed again", async () => {
    const snapshots = join(place, "twice");
    await demo([...LIMIT, "--crash-at", "weigh", file], { snapshots });
    const again = await demo(["--resume", "--crash-at", "decide"], { snapshots });
    expect(again).toMatchObject({ signal: "SIGKILL" });
    expect(again.stderr).not.toContain("plan");
    expect(again.stderr).not.toContain("count");
    const { stdout } = await demo(["--resume"], { snapshots });
    expect(stdout).toBe(whole.stdout);
  });

  it("goes back to the one snapshot that is named, and leaves the folder empty all the same", async () => {
    const snapshots = join(place, "one");
    await demo([...LIMIT, "--crash-at", "decide", file], { snapshots });
    const [task = ""] = await runsIn(join(snapshots, "demo"));
    const folder = join(snapshots, "demo", task);
    const named = (await readdir(folder))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .find((name) => name.includes("summarise-1+summarise-2")) as string;
    const { stdout, stderr } = await demo(["--resume", join(folder, named)]);
    expect(stdout).toBe(whole.stdout);
    expect(stderr).toMatch(/^EXECUTING {2}summarise 1 … 2\n/);
    expect(await runsIn(join(snapshots, "demo"))).toEqual([]);
  });
});

describe("demo with a folder of another name", () => {
  it("refuses it, and removes nothing", async () => {
    const snapshots = join(place, "renamed");
    await demo([...LIMIT, "--crash-at", "join", file], { snapshots });
    const [task = ""] = await runsIn(join(snapshots, "demo"));
    await rename(join(snapshots, "demo", task), join(snapshots, "demo", "copy"));
    const { stderr, code } = await demo(["--resume", join(snapshots, "demo", "copy")]);
    expect({ stderr, code }).toEqual({ stderr: expect.stringContaining("of this folder's task"), code: 1 });
    expect(await runsIn(join(snapshots, "demo"))).toEqual(["copy"]);
  });
});

describe.concurrent("demo with bad input", () => {
  let binary: string;
  let latin: string;
  let empty: string;
  let noProse: string;
  let damaged: string;
  beforeAll(async () => {
    [binary, latin, empty, noProse, damaged] = ["binary", "latin", "empty", "no prose", "damaged"].map((name) => join(place, name)) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await writeFile(binary, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]));
    await writeFile(latin, Buffer.from("caf\u00e9", "latin1"));
    await writeFile(empty, " \n");
    await writeFile(noProse, "```\ncode\n```\n");
    await mkdir(join(damaged, "0_plan"), { recursive: true });
    await writeFile(join(damaged, "0_plan", "manifest.json"), "{");
  });

  it.each<[string, () => string[], RegExp, number]>([
    ["a missing file", () => ["nowhere.md"], /^There is no file nowhere\.md\.$/, 1],
    ["a folder", () => [place], /is a folder; give a text file\.$/, 1],
    ["a binary file", () => [binary], /is not a text: it holds a zero byte\.$/, 1],
    ["a file in another encoding", () => [latin], /is not a text in UTF-8\.$/, 1],
    ["an empty file", () => [empty], /is empty: there is nothing to sum up\.$/, 1],
    ["a file without prose", () => [noProse], /holds no prose: there is nothing to sum up\.$/, 1],
    ["an unknown node", () => ["--crash-at", "draft", file], /^There is no node "draft"; the nodes are plan, count 1 … count 2, weigh/, 1],
    ["a folder without snapshots", () => ["--resume", join(place, "nothing")], /^There is no run in .*nothing\./, 1],
    ["a damaged snapshot", () => ["--resume", damaged], /damaged/, 1],
    ["an unknown option", () => ["--fast"], /^Unknown option '--fast'\. See `npm run demo -- --help`\.$/, 2],
    ["an option without its value", () => ["--crash-at"], /^Option '--crash-at <value>' argument missing\. See/, 2],
    ["two files", () => ["a.md", "b.md"], /^Expected one file, got 2: a\.md, b\.md\. See/, 2],
    ["a limit that is no number", () => ["--words", "many"], /^--words: expected a whole number from 1 to 999999, got "many"\. See/, 2],
    ["an agent that there is not", () => ["--agent", "poet"], /^--agent: expected text or llm, got "poet"\. See/, 2],
    ["a file for the agent on a model", () => ["--agent", "llm", file], /^--agent llm takes nothing else\. See/, 2],
    ["a limit for a run that has one", () => ["--resume", "--words", "9"], /^--words cannot be changed by --resume/, 2],
  ])("says in one sentence what is wrong with %s", async (_, args, message, exitCode) => {
    const { stdout, stderr, code } = await demo(args());
    expect({ stdout, code }).toEqual({ stdout: "", code: exitCode });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr.trimEnd()).toMatch(message);
  });

  it("refuses an empty pipe of a shell", async () => {
    const command = `printf '' | '${process.execPath}' --conditions=asimov-source examples/demo.ts`;
    const { stdout, stderr, code } = await run("sh", ["-c", command]);
    expect({ stdout, stderr, code }).toEqual({ stdout: "", stderr: "standard input is empty: there is nothing to sum up.\n", code: 1 });
  });

  it("says so before it runs when snapshots cannot be written", async () => {
    const { stderr, code } = await demo([file], { snapshots: file });
    expect(code).toBe(1);
    expect(stderr).toBe(`Snapshots cannot be written to ${join(file, "demo")}; name another folder in ASIMOV_SNAPSHOT.\n`);
  });
});
