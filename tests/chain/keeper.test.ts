/** What a chain has reached is kept by one save at a time: nobody waits for a state older than their own, and a failed save is told to its waiters alone. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ChainKeeper, readKeptChain } from "#chain/keeper";
import { SnapshotError } from "#contract/base/errors";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

/** A checkpoint whose saves end when the test says so. */
function held() {
  const saves: { state: unknown; end(error?: Error): void }[] = [];
  let running = 0;
  let most = 0;
  const checkpoint = {
    load: async () => undefined,
    save: (state: unknown) =>
      new Promise<void>((resolve, reject) => {
        most = Math.max(most, ++running);
        const end = (error?: Error): void => {
          running -= 1;
          if (error === undefined) resolve();
          else reject(error);
        };
        saves.push({ state, end });
      }),
  };
  return { checkpoint, saves, most: () => most };
}
/** Long enough for every promise that can settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const stateOf = (save: { state: unknown } | undefined): unknown => (save?.state as { snapshot: unknown } | undefined)?.snapshot;

describe("the keeper of a chain", () => {
  it("saves the state with its format and key, later than in the transition that asks", async () => {
    const { checkpoint, saves } = held();
    const keeper = new ChainKeeper(checkpoint, "house", () => "reached");
    const kept = keeper.keep();
    expect(saves).toEqual([]);
    await settled();
    expect(saves.map(({ state }) => state)).toEqual([{ format: 1, key: "house", snapshot: "reached" }]);
    saves[0]?.end();
    await kept;
  });

  it("has asks that come while one is saved share the next save, which reads the state as it is then", async () => {
    const { checkpoint, saves, most } = held();
    let state = 1;
    const keeper = new ChainKeeper(checkpoint, "k", () => state);
    const ended: string[] = [];
    const keep = (name: string) => void keeper.keep().then(() => ended.push(name));
    keep("a");
    keep("b");
    await settled();
    state = 2;
    keep("c");
    state = 3;
    keep("d");
    await settled();
    expect(saves).toHaveLength(1);
    expect(ended).toEqual([]);
    saves[0]?.end();
    await settled();
    expect(ended).toEqual(["a", "b"]);
    saves[1]?.end();
    await settled();
    expect(ended).toEqual(["a", "b", "c", "d"]);
    expect(saves.map(stateOf)).toEqual([1, 3]);
    expect(most()).toBe(1);
  });

  it("tells a failed save to those who wait for it, and saves again for the next", async () => {
    const { checkpoint, saves } = held();
    const keeper = new ChainKeeper(checkpoint, "k", () => "state");
    const first = keeper.keep();
    const shared = keeper.keep();
    await settled();
    const second = keeper.keep();
    saves[0]?.end(new Error("disk full"));
    await expect(first).rejects.toThrow("disk full");
    await expect(shared).rejects.toThrow("disk full");
    await settled();
    saves[1]?.end();
    await expect(second).resolves.toBeUndefined();
  });

  it("may be asked by one who does not wait: a save that fails then ends nothing else", async () => {
    const { checkpoint, saves } = held();
    const keeper = new ChainKeeper(checkpoint, "k", () => "state");
    void keeper.keep();
    await settled();
    saves[0]?.end(new Error("disk full"));
    // An unhandled rejection would fail this file.
    await settled();
    const next = keeper.keep();
    await settled();
    saves[1]?.end();
    await next;
  });

  it("saves nothing where there is nothing to go on from, and goes on to save what comes after", async () => {
    const { checkpoint, saves } = held();
    let state: string | undefined;
    const keeper = new ChainKeeper(checkpoint, "k", () => state);
    await keeper.keep();
    expect(saves).toEqual([]);
    state = "reached";
    const kept = keeper.keep();
    await settled();
    expect(saves.map(stateOf)).toEqual(["reached"]);
    saves[0]?.end();
    await kept;
  });

  it("tells what reading the state throws", async () => {
    const { checkpoint } = held();
    const keeper = new ChainKeeper(checkpoint, "k", () => {
      throw new Error("no such state");
    });
    await expect(keeper.keep()).rejects.toThrow("no such state");
  });
});

describe("a chain whose state cannot be kept", () => {
  const script = [{ toolCalls: [{ name: "work" }, { name: "work" }] }, { toolCalls: [{ name: "work" }] }, "Done."];

  /** @returns what was asked and run when the save of this number failed */
  async function run(failing: number) {
    const checkpoint = new MemoryCheckpoint();
    let ran = 0;
    let saves = 0;
    checkpoint.onSave = () => {
      saves += 1;
      if (saves === failing) throw new Error("disk full");
    };
    const work = defineTool({ name: "work", description: "Works", input: { type: "object" }, run: () => ++ran });
    const client = new ScriptedInferenceClient(script);
    const { signal } = new AbortController();
    const options = { checkpoint, signal, maxParallelTools: 1 };
    const end = await client.toolChain([{ role: ChatRole.USER, content: "Go." }], [work], options).catch((error: unknown) => error);
    await settled();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    return { end, asked: client.calls.length, ran, saves };
  }

  it("fails with what its checkpoint threw, whichever save that was, and goes no further", async () => {
    const whole = await run(0);
    expect(whole).toMatchObject({ end: { text: "Done." }, asked: 3, ran: 3 });
    let before = { asked: 0, ran: 0 };
    for (let failing = 1; failing <= whole.saves; failing++) {
      const { end, asked, ran, saves } = await run(failing);
      expect(end).toEqual(new Error("disk full"));
      expect(saves).toBe(failing);
      expect(asked).toBeGreaterThanOrEqual(before.asked);
      expect(ran).toBeGreaterThanOrEqual(before.ran);
      before = { asked, ran };
    }
    expect(await run(1)).toMatchObject({ asked: 0, ran: 0 });
    expect(whole.saves).toBeGreaterThan(5);
  });
});

describe("a kept chain", () => {
  const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const context = { messages: ["{}"], orders: [], iterations: 1, maxIterations: 10, usage, key: "house", mode: null, repairs: 1, text: "" };
  const kept = { format: 1, key: "house", snapshot: { status: "active", value: "asking", context, children: {} } };
  const codeOf = (state: unknown, key?: string): string => {
    try {
      readKeptChain(state, key);
    } catch (error) {
      expect(error).toBeInstanceOf(SnapshotError);
      return (error as SnapshotError).code;
    }
    return "read";
  };

  it("is none where nothing was saved", () => {
    expect(readKeptChain(undefined, "house")).toBeUndefined();
    expect(readKeptChain(null, undefined)).toBeUndefined();
  });

  it("is read for its own key, and for whoever has none", () => {
    expect(readKeptChain(kept, "house")).toBe(kept);
    expect(readKeptChain(kept, undefined)).toBe(kept);
    expect(readKeptChain({ ...kept, snapshot: { ...kept.snapshot, status: "done" } }, "house")).toMatchObject({ key: "house" });
  });

  it("is refused for another chain, whose name and its own it tells", () => {
    expect(codeOf(kept, "garden")).toBe("snapshot-other-chain");
    expect(() => readKeptChain(kept, "garden")).toThrow(/of the chain "house"; this chain is "garden"/);
  });

  it("is refused in another format, before anything else of it is read", () => {
    expect(codeOf({ format: 2, key: 7 })).toBe("snapshot-format");
    expect(() => readKeptChain({ format: 0 }, undefined)).toThrow("format 0; this version reads format 1");
  });

  it.each<[string, unknown]>([
    ["a text", "text"],
    ["a number", 7],
    ["a list", []],
    ["what a module saved itself", { step: 2 }],
    ["one of a format that is no number", { ...kept, format: "1" }],
    ["one without a key", { format: 1, snapshot: kept.snapshot }],
    ["one without a state", { format: 1, key: "house" }],
    ...Object.entries({
      status: "error",
      children: null,
      context: null,
    }).map(([name, value]): [string, unknown] => [
      `a state whose ${name} is broken`,
      { ...kept, snapshot: { ...kept.snapshot, [name]: value } },
    ]),
    ...Object.entries({ messages: [1], orders: {}, iterations: "1", maxIterations: null, usage: null, key: undefined, mode: 7 }).map(
      ([name, value]): [string, unknown] => [
        `a context whose ${name} is broken`,
        { ...kept, snapshot: { ...kept.snapshot, context: { ...context, [name]: value } } },
      ],
    ),
  ])("is refused as damaged: %s", (_, state) => {
    expect(codeOf(state, "house")).toBe("snapshot-damaged");
  });
});
