/** A commit of a run's values holds what was settled since the one before, and no more. */
import { describe, expect, it } from "vitest";
import { RunValues } from "#values/run-values";
import { ManualClock } from "../support/manual-clock.ts";

const toldBy = (values: RunValues): [changed: Record<string, string>, removed: readonly string[]] => {
  const { changed, removed } = values.changes();
  return [Object.fromEntries(changed), removed];
};
const NOTHING = [{}, []];

describe("the parts of a run's values", () => {
  it("are one for each value and each message: whatever is done writes no other", async () => {
    const values = new RunValues(new ManualClock());
    for (let message = 0; message < 10_000; message++) await values.cache.publishToMailbox("long", message);
    await values.cache.setMany(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key ${index}`, index])));
    expect(values.changes().changed.size).toBe(11_000);
    expect(toldBy(values)).toEqual(NOTHING);
    await values.cache.publishToMailbox("long", "last");
    const [published] = toldBy(values);
    expect(Object.values(published)).toEqual(['"last"']);
    await values.cache.getMessage("long", { timeoutMs: 0 });
    expect(toldBy(values)).toEqual([{}, [expect.stringMatching(/^mailbox\/\d+\/long$/)]]);
    await values.cache.increment("key 7", 1);
    await values.cache.delete("key 8");
    expect(toldBy(values)).toEqual([{ "value/key 7": '{"value":8}' }, ["value/key 8"]]);
  });

  it("hold when a value expires, and name keys of views and odd names so that each is told apart", async () => {
    const clock = new ManualClock(1_000);
    const values = new RunValues(clock);
    await values.cache.set("short", 1, { ttlMs: 500 });
    await values.cache.set("a:b", 2);
    await values.cache.withPrefix("a").set("b", 3);
    await values.cache.set("a::b", 4, { raw: true });
    const [changed] = toldBy(values);
    expect(changed).toEqual({
      "value/short": '{"value":1,"expiresAt":1500}',
      "value/a%3Ab": '{"value":2}',
      "value/a:b": '{"value":3}',
      "value/a::b": '{"value":4}',
    });
    const restored = new RunValues(clock, Object.entries(changed)).cache;
    expect(await restored.getAll()).toEqual({ short: 1, "a:b": 2 });
    expect([await restored.withPrefix("a").get("b"), await restored.get("a::b", 0, { raw: true })]).toEqual([3, 4]);
    await clock.pass(500);
    expect(await restored.get("short", "gone")).toBe("gone");
  });

  it("leave out what came and went between two commits, and what an open attempt did", async () => {
    const values = new RunValues(new ManualClock());
    const open = values.open();
    await open.cache.set("open", 1);
    await open.cache.publishToMailbox("box", "open");
    await values.cache.set("brief", 1);
    await values.cache.delete("brief");
    await values.cache.publishToMailbox("brief", 1);
    await values.cache.getMessage("brief");
    expect(toldBy(values)).toEqual(NOTHING);
    expect(await values.cache.getAll()).toEqual({ open: 1 });
    open.settle();
    expect(toldBy(values)).toEqual([{ "value/open": '{"value":1}', "mailbox/4/box": '"open"' }, []]);
  });

  it("are told again when their commit was not made", async () => {
    const values = new RunValues(new ManualClock());
    await values.cache.setMany({ kept: 1, gone: 1 });
    await values.cache.publishToMailbox("box", "taken");
    values.changes();
    await values.cache.delete("gone");
    await values.cache.set("kept", 2);
    await values.cache.getMessage("box");
    const lost = values.changes();
    await values.cache.set("kept", 3);
    lost.putBack();
    expect(toldBy(values)).toEqual([
      { "value/kept": '{"value":3}' },
      ["value/gone", ...lost.removed.filter((part) => part.startsWith("mailbox"))],
    ]);
  });

  it.each([
    ["value/a", "{", "is no JSON"],
    ["value/a", "null", "holds no value"],
    ["value/a", "[1]", "holds no value"],
    ["value/a", '{"value":1,"expiresAt":"soon"}', "holds no value"],
    ["mailbox/1/box", "oops", "is no JSON"],
    ["mailbox/box", "1", "names no message"],
    ["mailbox/x/box", "1", "names no message"],
  ])("that are damaged are refused: %s %s", (part, text, why) => {
    const error = { name: "SnapshotError", code: "snapshot-damaged", message: `The snapshot is damaged: part "${part}" ${why}.` };
    expect(() => new RunValues(new ManualClock(), [[part, text]])).toThrow(expect.objectContaining(error));
  });

  it("add up floats just as the run did, once all have ended", async () => {
    const values = new RunValues(new ManualClock());
    const attempts = Array.from({ length: 9 }, () => values.open());
    for (const by of [0.1, 0.2, 0.3, 1e16, -1e16, 0.7]) for (const { cache } of attempts) await cache.increment("sum", by);
    const sum = await values.cache.get("sum");
    for (const attempt of attempts.toReversed()) attempt.settle();
    expect(Object.fromEntries(values.parts())["value/sum"]).toBe(JSON.stringify({ value: sum }));
  });
});
