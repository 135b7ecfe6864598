/** What a store with a codec has on its disk. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent, type Codec, FileStore, type RunStore, type RunStoreOptions, Runs, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { all } from "./stores.ts";

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a);
const flip: Codec = { encode: flipped, decode: flipped };

/** Each is written in a place of its own. */
const SECRETS = ["objective", "param", "value", "emitted", "saved", "message"].map((what) => `the ${what} is secret`);
const [objective, param, value, emitted, saved, message] = SECRETS as [string, string, string, string, string, string];

const place = newPlace();
const STORES: [name: string, make: (folder: string, options: RunStoreOptions) => RunStore][] = [
  ["file", (dir, options) => new FileStore({ dir, ...options })],
  ["SQLite", (dir, options) => new SqliteStore({ file: join(dir, "runs.db"), ...options })],
];

/** The second node waits until its run is put down, and then takes a message. */
function agentOf(store: RunStore): { agent: Agent; entered: Promise<void> } {
  const entered = deferred();
  const first = nodeOf("a", [], async ({ values, emit }) => {
    await values.set("key", value);
    emit({ type: "said", text: emitted });
    return success();
  });
  const second = nodeOf("b", ["a"], async ({ step, values, signal }) => {
    let isFirst = false;
    const before = await step("save", () => {
      isFirst = true;
      return saved;
    });
    if (!isFirst) return success([before, await values.getMessage("news", { signal })]);
    entered.resolve();
    await aborted(signal);
    signal.throwIfAborted();
  });
  return { agent: new Agent({ store, nodes: [first, second] }), entered: entered.promise };
}

/** A run that waits in its store, with a message that nobody has taken. */
async function putDown(store: RunStore): Promise<void> {
  const { agent, entered } = agentOf(store);
  const run = agent.start(new Task({ id: "t", type: "test", objective, params: { param } }));
  await entered;
  await run.park();
  await new Runs(store).send("t", "news", message);
}

/** Which of the secrets can be read in the files of a folder. */
async function readable(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, "latin1")));
  return SECRETS.filter((secret) => texts.some((text) => text.includes(secret)));
}

describe.each(STORES)("a %s store", (_, make) => {
  it.each<[string, RunStoreOptions, string[]]>([
    ["in clear text without a codec", {}, SECRETS],
    ["as its codec makes it, nothing in clear text", { codec: flip }, []],
  ])("has on its disk what users wrote %s, and gives all of it back", async (_how, options, found) => {
    const folder = place();
    const store = make(folder, options);
    await putDown(store);
    expect(await readable(folder)).toEqual(found);
    const runs = new Runs(store);
    expect(await runs.get("t")).toMatchObject({ objective });
    expect(await runs.value("t", ["values", "key"])).toBe(value);
    const { task, outcome } = await agentOf(store).agent.resume("t");
    expect(task.params).toEqual({ param });
    expect((await outcome).results.b).toEqual([saved, message]);
    expect(await all(runs.events("t"))).toContainEqual(expect.objectContaining({ event: { type: "said", text: emitted } }));
    await store.close();
    expect((await readable(folder)).filter((secret) => !found.includes(secret))).toEqual([]);
  });
});
