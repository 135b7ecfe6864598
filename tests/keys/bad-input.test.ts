/** Options of a key that do not go together, or that no limit could keep, are refused before anything is stored. */
import { MemoryStore, Runs, type SubmitOptions } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { taskOf } from "./bench.ts";

const wrong: [what: string, options: object, message: RegExp][] = [
  ["a limit without a key", { limit: { concurrent: 1 } }, /a key for `limit`/],
  ["a debounce without a key", { debounceMs: 1 }, /a key for `debounceMs`/],
  ["the only run of no key", { singleton: true }, /a key for `singleton`/],
  ["a limit of nothing", { key: "k", limit: {} }, /`concurrent`, `perMinute` or both/],
  ["none at a time", { key: "k", limit: { concurrent: 0 } }, /limit\.concurrent/],
  ["half a run at a time", { key: "k", limit: { concurrent: 0.5 } }, /limit\.concurrent/],
  ["none in a minute", { key: "k", limit: { perMinute: 0 } }, /limit\.perMinute/],
  ["more than are counted", { key: "k", limit: { perMinute: 10_001 } }, /limit\.perMinute/],
  ["a limit that there is not", { key: "k", limit: { perHour: 1 } }, /perHour/],
  ["no time to be quiet", { key: "k", debounceMs: 0 }, /debounceMs/],
  [
    "quiet for longer than anybody waits",
    { key: "k", debounceMs: Number.MAX_SAFE_INTEGER },
    /debounceMs: expected at most 3,153,600,000,000/,
  ],
  ["put off for longer than that", { key: "k", limit: { concurrent: 1 }, delayMs: 2 ** 52 }, /delayMs: expected at most .* \(100 years\)/],
  ["of no key, and put off for longer than that", { delayMs: Number.MAX_SAFE_INTEGER }, /delayMs: expected at most/],
  ["given longer than that", { deadlineMs: Number.MAX_SAFE_INTEGER }, /deadlineMs: expected at most/],
  ["the newest and the oldest", { key: "k", debounceMs: 5, singleton: true }, /`debounceMs` or `singleton`/],
  ["two moments to begin at", { key: "k", debounceMs: 5, delayMs: 5 }, /`debounceMs` or `delayMs`/],
  ["an empty key", { key: "" }, /key/],
  ["a key that is no text", { key: 7 }, /key/],
];

describe("what is asked of the starts of a key", () => {
  it.each(wrong)("is refused where it is %s", async (_, options, message) => {
    const store = new MemoryStore();
    const refused = new Runs(store).submit(taskOf("a"), { agent: "report", ...options } as SubmitOptions);
    await expect(refused).rejects.toMatchObject({ code: "invalid-options" });
    await expect(refused).rejects.toThrow(message);
    expect(await store.find({ limit: 1 })).toEqual([]);
  });

  it("is refused where the key is no name", async () => {
    const refused = new Runs(new MemoryStore()).submit(taskOf("a"), { agent: "report", key: "a\nb", singleton: true });
    await expect(refused).rejects.toMatchObject({ code: "invalid-name" });
  });
});
