/** What a module says of its waits is checked before it waits: a slip of the pen is told at once, and never waits for ever. */
import { Agent, MemoryStore, type ModuleContext, sleepFor, sleepUntil } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { storesOf } from "../runs/stores.ts";
import { HOUR, inMemory, nodeOf, taskOf } from "./pair.ts";

const once = { maxRetries: 1 };
const parked = (clock: SimulatedClock, agent: Agent) => clock.runUntil(agent.runTask(taskOf(), { whenWaiting: "park" }));

describe("a wait of a module", () => {
  const any = (value: unknown) => value as never;
  it.each<[what: string, wait: (context: ModuleContext) => unknown, told: RegExp]>([
    ["sleep(NaN)", ({ sleep }) => sleep(Number.NaN), /sleep: expected milliseconds, from 0 to .* got NaN/],
    ["sleep(Infinity)", ({ sleep }) => sleep(Number.POSITIVE_INFINITY), /from 0 to 3,153,600,000,000 \(100 years\); got Infinity/],
    ["sleep(-1)", ({ sleep }) => sleep(-1), /got -1/],
    ['sleep("5")', ({ sleep }) => sleep(any("5")), /got 5/],
    ["sleep(5, { nam })", ({ sleep }) => sleep(5, any({ nam: "x" })), /sleep: Unrecognized key: "nam"/],
    [
      "sleepUntil of a number",
      ({ sleepUntil: until }) => until(any(Date.UTC(2000, 0, 2))),
      /sleepUntil: expected a valid Date; got 946771200000/,
    ],
    ["sleepUntil of no moment", ({ sleepUntil: until }) => until(new Date("soon")), /expected a valid Date; got Invalid Date/],
    [
      "receive within NaN",
      ({ receive }) => receive("box", { timeoutMs: Number.NaN }),
      /receive: timeoutMs: expected milliseconds, 0 or more/,
    ],
    ["receive within -1", ({ receive }) => receive("box", { timeoutMs: -1 }), /receive: timeoutMs: .*>=0/],
    ['receive within "5"', ({ receive }) => receive("box", { timeoutMs: any("5") }), /timeoutMs: expected milliseconds/],
    [
      "receive within more than there is",
      ({ receive }) => receive("box", { timeoutMs: 1e300 }),
      /receive: timeoutMs: expected at most 3,153,600,000,000/,
    ],
    ["receive with { timeout }", ({ receive }) => receive("box", any({ timeout: 5 })), /receive: Unrecognized key: "timeout"/],
  ])("is refused: %s", async (_, wait, told) => {
    const { clock, store } = inMemory();
    const outcome = await parked(clock, new Agent({ name: "a", clock, store, nodes: [nodeOf("n", wait, once)] }));
    expect(outcome).toMatchObject({ status: "FAILED", errors: [{ code: "invalid-options", error: expect.stringMatching(told) }] });
  });

  it("is refused where it is a module, when that is made", () => {
    const refused = (make: () => unknown, told: RegExp) =>
      expect(make).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(told) }));
    refused(() => sleepFor({ name: "nap", ms: Number.NaN }), /Module "nap": ms: expected milliseconds, from 0 to .* got NaN/);
    refused(() => sleepFor({ name: "nap" } as never), /got undefined/);
    refused(() => sleepUntil({ name: "nap", at: "2030-01-01" as never }), /Module "nap": at: expected a valid Date; got 2030-01-01/);
    refused(() => sleepUntil({ name: "nap", at: new Date("soon") }), /got Invalid Date/);
  });

  it.each<[string, (context: ModuleContext) => unknown]>([
    ["ask", ({ ask }) => Promise.all([ask("one", { answer: {} }), ask("one", { answer: {} })])],
    ["receive", ({ receive }) => Promise.all([receive("one"), receive("one")])],
    ["sleep", ({ sleep }) => Promise.all([sleep(HOUR), sleep(HOUR)])],
    ["sleepUntil", ({ sleep, sleepUntil: until }) => Promise.all([sleep(HOUR), until(new Date("2030-01-01"))])],
  ])("needs a name of its own beside another of its kind: %s", async (_, wait) => {
    const { clock, store } = inMemory();
    const outcome = await parked(clock, new Agent({ name: "a", clock, store, nodes: [nodeOf("n", wait, once)] }));
    expect(outcome).toMatchObject({ status: "FAILED", errors: [{ code: "name-in-use" }] });
  });

  it("goes on beside another of its kind that has a name of its own", async () => {
    const { clock, store } = inMemory();
    const both = ({ sleep }: ModuleContext) => Promise.all([sleep(HOUR), sleep(2 * HOUR, { name: "longer" })]).then(() => clock.now());
    const before = clock.now();
    const outcome = await clock.runUntil(new Agent({ name: "a", clock, store, nodes: [nodeOf("n", both)] }).runTask(taskOf()));
    expect(outcome.results.n).toBe(before + 2 * HOUR);
  });
});

describe.each(storesOf())("a message that is waited for (%s)", (_, make) => {
  it.each([Number.POSITIVE_INFINITY, HOUR + 0.5])("within %d ms parks its run, which goes on by it", async (timeoutMs) => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    const agent = () => new Agent({ name: "a", clock, store, nodes: [nodeOf("n", ({ receive }) => receive("box", { timeoutMs }))] });
    const dueAt = Number.isFinite(timeoutMs) ? { dueAt: clock.now() + HOUR } : {};
    expect(await parked(clock, agent())).toEqual({ status: "PARKED", taskId: "t", questions: [], ...dueAt });
    expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ status: "PARKED", ...dueAt });
    await agent().runs.send("t", "box", "here");
    expect(await (await agent().resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { n: "here" } });
    await store.close();
  });
});

describe("a module that asks again whatever it is told", () => {
  it.each(["parked", "cancelled"])("holds no thread when its run is %s", async (how) => {
    let isOver = false;
    const asksOn = async ({ receive }: ModuleContext) => {
      while (!isOver) await receive("box").catch(() => {});
    };
    const agent = new Agent({ name: "a", store: new MemoryStore(), abortGraceMs: 10, nodes: [nodeOf("n", asksOn, once)] });
    const run = agent.start(taskOf());
    for await (const { type } of run.events()) if (type === "node.waiting") break;
    await (how === "parked" ? run.park() : run.cancel());
    await new Promise((resolve) => setTimeout(resolve, 1));
    isOver = true;
    // Between two of its waits it is one that goes on when somebody has it.
    expect(how === "parked" ? ["PARKED", "READY"] : ["CANCELLED"]).toContain((await agent.runs.get("t")).status);
  });
});
