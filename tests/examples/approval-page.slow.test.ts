/** The example's page, used as a person does while its process is killed between. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Runs } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { all } from "../runs/stores.ts";
import { newPlace } from "../store/place.ts";
import { ROOT } from "../support/program.ts";

describe("example 15", () => {
  const newFile = newPlace();
  let server: ChildProcess | undefined;
  afterEach(() => server?.kill("SIGKILL"));

  /** The address, once it serves. */
  async function serve(file: string): Promise<string> {
    const program = spawn(process.execPath, ["--conditions=asimov-source", join(ROOT, "examples/15-approval-page.ts"), file, "0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    server = program;
    const [address] = (await once(createInterface({ input: program.stdout }), "line")) as [string];
    return address;
  }
  const kill = async (): Promise<void> => {
    server?.kill("SIGKILL");
    await once(server as ChildProcess, "exit");
  };
  const page = async (address: string): Promise<string> => (await fetch(address)).text();
  const post = (address: string, path: string, fields: Record<string, string>): Promise<Response> =>
    fetch(`${address}${path}`, { method: "POST", headers: { Origin: address }, body: new URLSearchParams(fields), redirect: "manual" });
  /** What the page shows of the question, and where its buttons lead. */
  const form = (text: string) =>
    /action="(?<path>\/answers\/[^"]+)">\s*<p>(?<letter>[^<]*)<\/p>\s*<input type="hidden" name="shown" value="(?<shown>\w+)"/.exec(text)
      ?.groups as { path: string; letter: string; shown: string };
  /** Until the store has what is waited for: `find` first, then whatever changes. */
  async function until(file: string, isSo: (runs: Runs) => Promise<boolean>): Promise<void> {
    const store = new SqliteStore({ file });
    const runs = new Runs(store);
    const [run] = await all(runs.find({ agent: "letters" }));
    if (run === undefined) throw new Error("no run was submitted");
    for await (const _ of runs.watch(run.taskId)) if (await isSo(runs)) break;
    await store.close();
  }
  const isAsked = (letter: string) => async (runs: Runs) =>
    (await all(runs.questions())).some(({ shown }) => (shown as { letter: string }).letter === letter);

  it("asks by a page, keeps the question over kill -9, takes one answer for what was shown, and ends", { timeout: 120_000 }, async () => {
    const file = `${newFile()}.db`;
    let address = await serve(file);
    expect((await post(address, "/letters", { objective: "<b>Rain</b>" })).status).toBe(303);
    await until(file, isAsked("<b>Rain</b>, draft 1"));
    const first = form(await page(address));
    expect(first.letter).toBe("&lt;b&gt;Rain&lt;/b&gt;, draft 1");
    await kill();

    address = await serve(file);
    expect(form(await page(address))).toEqual(first);
    expect((await post(address, first.path, { ok: "false", shown: first.shown })).status).toBe(303);
    await until(file, isAsked("<b>Rain</b>, draft 2"));
    const again = await post(address, first.path, { ok: "true", shown: first.shown });
    expect([again.status, await again.text()]).toEqual([409, expect.stringContaining("answer")]);
    const second = form(await page(address));
    expect((await post(address, second.path, { ok: "true", shown: first.shown })).status).toBe(409);
    await kill();

    address = await serve(file);
    expect((await post(address, second.path, { ok: "true", shown: second.shown })).status).toBe(303);
    await until(file, async (runs) => (await all(runs.find({ status: "COMPLETE" }))).length === 1);
    expect(await page(address)).toContain("COMPLETE: &lt;b&gt;Rain&lt;/b&gt;");
    expect(await page(address)).not.toContain("/answers/");
  });

  it("takes no form of another site", { timeout: 60_000 }, async () => {
    const address = await serve(`${newFile()}.db`);
    const answer = await fetch(`${address}/letters`, {
      method: "POST",
      headers: { Origin: "https://elsewhere.example" },
      body: new URLSearchParams({ objective: "x" }),
    });
    expect(answer.status).toBe(403);
  });
});
