/** A store of somebody else's that answers a call with something that is no answer to it: whoever asked is told so, and a run asks again. */
import { Agent, MemoryStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { deferred, failure, nodeOf, success, unhandledDuring } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

const CALLS = [
  ...(["create", "claim", "renew", "commit", "read", "load", "generations", "inbox", "post", "endTold"] as const),
  ...(["questions", "find", "events", "remove", "prune", "subscribe", "now"] as const),
];
type Call = (typeof CALLS)[number];

/** No one of them is an answer to any call, but for the one that is none of a read. */
const NONSENSE: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["an empty object", {}],
  ["a yes without what belongs to it", { ok: true, lease: null }],
  ["a no without what belongs to it", { ok: false, why: "owned" }],
  ["an object that throws when it is read", new Proxy({}, { get: (_, key) => (key === "then" ? undefined : fail(key)) })],
  ["a list of nothing", [null]],
  ["a symbol", Symbol("answer")],
];

function fail(key: PropertyKey): never {
  throw new TypeError(`No ${String(key)} here`);
}

class NonsenseStore extends MemoryStore {
  answer: { call: Call; given: unknown } | undefined;
  given = 0;

  constructor(clock: SimulatedClock) {
    super({ clock });
    for (const call of CALLS) {
      const answered = this[call].bind(this) as (...given: unknown[]) => unknown;
      const value = (...given: unknown[]): unknown => {
        if (this.answer?.call !== call) return answered(...given);
        this.given++;
        return call === "subscribe" ? this.answer.given : Promise.resolve(this.answer.given);
      };
      Object.defineProperty(this, call, { value });
    }
  }
}

const CODES = /^(store-failed|snapshot-damaged|effect-timeout|run-exists|run-owned|run-ended|run-not-parked|run-parking)$/;

describe.each(NONSENSE)("a store that answers a call with %s", (_what, given) => {
  it("is told as such to whoever asks for a run, by its code and the call", async () => {
    let refused = 0;
    const unhandled = await unhandledDuring(async () => {
      for (const call of CALLS) {
        const clock = new SimulatedClock();
        const store = new NonsenseStore(clock);
        let fails = true;
        const nodes = [
          nodeOf("a"),
          nodeOf("b", ["a"], () => (fails ? failure("down") : success()), { nodeConfig: { retryOnFailure: false } }),
        ];
        const agent = new Agent({ name: "worker", clock, store, nodes });
        await clock.runUntil(agent.runTask(taskOf("failed")));
        fails = false;
        const parked = agent.start(taskOf("parked"));
        const gone = parked.outcome.catch(({ code }) => code);
        await clock.runUntil(parked.park());
        expect(await gone).toBe("run-parked");
        const runs = new Runs(store, { clock });
        store.answer = { call, given };
        const verbs: Record<string, () => Promise<unknown>> = {
          get: () => runs.get("parked"),
          at: () => runs.at("parked", 1),
          history: () => all(runs.history("parked")),
          value: () => runs.value("failed", ["nodes", "a", "result"]),
          events: () => all(runs.events("failed")),
          watch: () => all(runs.watch("failed")),
          questions: () => all(runs.questions({ taskId: "parked" })),
          find: () => all(runs.find()),
          send: () => runs.send("parked", "m", 1),
          submit: () => runs.submit(taskOf(`new ${call}`), { agent: "worker" }),
          resume: async () => (await agent.resume("parked")).park(),
          fork: async () => (await agent.fork("failed", { taskId: `forked ${call}` })).park(),
          prune: () => runs.prune({ keep: 10 }),
          remove: () => runs.remove("failed"),
          cancel: () => runs.cancel("parked"),
        };
        for (const [name, verb] of Object.entries(verbs)) {
          const settled = await clock.runUntil(
            verb().then(
              () => "done",
              (error: unknown) => error,
            ),
          );
          if (settled === "done") continue;
          refused++;
          expect([call, name, settled]).toEqual([call, name, expect.objectContaining({ code: expect.stringMatching(CODES) })]);
        }
      }
    });
    expect(unhandled).toEqual([]);
    expect(refused).toBeGreaterThan(CALLS.length);
  });

  it.each(CALLS)("is asked again by the run that it keeps, which ends as it would have (%s)", async (call) => {
    const clock = new SimulatedClock();
    const store = new NonsenseStore(clock);
    const [begun, go] = [deferred(), deferred()];
    const works = nodeOf("works", [], async () => {
      begun.resolve();
      await go.promise;
      return success("done");
    });
    const run = new Agent({ name: "worker", clock, store, nodes: [works, nodeOf("last", ["works"])] }).start(taskOf());
    await clock.runUntil(begun.promise);
    store.answer = { call, given };
    await clock.advance(15_000);
    await clock.runUntil(new Runs(store, { clock }).send("t", "news", 1).catch(() => {}));
    go.resolve();
    await clock.advance(1_000);
    store.answer = undefined;
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { works: "done" } });
  });
});
