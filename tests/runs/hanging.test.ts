/** A store whose calls are never answered, each call of the port in turn: a run goes on when its store does, whoever asks for something is told in time, and no promise hangs. */
import { Agent, type AgentRun, agentModule, MemoryStore, Node, type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { deferred, failure, moduleOf, nodeOf, success } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

const MINUTE = 60_000;

const CALLS = [
  ...(["create", "claim", "renew", "commit", "read", "load", "locate", "generations", "inbox", "post"] as const),
  ...(["endTold", "questions", "find", "events", "remove", "prune", "now"] as const),
];
type Call = (typeof CALLS)[number];

/** One of whose calls, and all that were made of it meanwhile, nobody ever hears again. */
class HangingStore extends MemoryStore {
  hangs: Call | undefined;
  /** How often. */
  hung = 0;

  constructor(clock: SimulatedClock) {
    super({ clock });
    for (const call of CALLS) {
      const answered = this[call].bind(this) as (...given: unknown[]) => Promise<unknown>;
      const value = async (...given: unknown[]): Promise<unknown> => {
        if (this.hangs !== call) return await answered(...given);
        this.hung++;
        return await new Promise(() => {});
      };
      Object.defineProperty(this, call, { value });
    }
  }
}

/** All that a run may want of its store while it goes on: commits, messages, a deadline, a run that it waits for. */
function busy() {
  const clock = new SimulatedClock();
  const store = new HangingStore(clock);
  const [go, begun] = [deferred(), deferred()];
  const works = (name: string): Node => {
    const work = async () => {
      if (name === "works") begun.resolve();
      await go.promise;
      return success(name);
    };
    return new Node({ name, modules: [moduleOf(name, work, { config: { timeoutMs: 60 * MINUTE } })] });
  };
  const child = new Agent({ name: "child", clock, store, nodes: [works("child")] });
  const nodes = [
    works("works"),
    nodeOf("asks", [], async (context) => {
      const question = { show: "?", answer: { type: "boolean" }, deadlineMs: 5 * MINUTE, onDeadline: { answer: false } };
      return success((await context.ask("sure", question)).answer);
    }),
    nodeOf("listens", [], async (context) => success(await context.receive("news"))),
    new Node({ name: "waits", modules: [agentModule(child, { name: "run child", task: () => ({ objective: "Be waited for" }) })] }),
    nodeOf("last", ["works", "asks", "listens", "waits"], () => success("last")),
  ];
  const agent = new Agent({ name: "worker", clock, store, nodes, outputMailbox: "ends" });
  return { clock, store, agent, begun: begun.promise, go: () => go.resolve() };
}

const results = { works: "works", asks: false, listens: "hello", waits: "child", last: "last" };

describe("a run whose store does not answer a call for ten minutes", () => {
  /** When the call hangs: from the start on, or in the middle of the work. */
  it.each([
    ["start", "create"],
    ["middle", "renew"],
    ["middle", "commit"],
    ["middle", "read"],
    ["middle", "inbox"],
    ["middle", "post"],
    ["end", "endTold"],
  ] as const)("goes on when the store does (from the %s on: %s)", async (since, call) => {
    const { clock, store, agent, begun, go } = busy();
    if (since !== "middle") store.hangs = call;
    const run = agent.start(taskOf());
    if (since === "start") {
      // No node of it ran: whoever started it hears of it, and may start it again.
      expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "FAILED", errors: [{ code: "effect-timeout" }] });
      return expect(store.hung).toBeGreaterThan(0);
    }
    await clock.runUntil(begun);
    await clock.advance(1_000);
    if (since === "middle") store.hangs = call;
    const sent = clock.runUntil(new Runs(store, { clock }).send("t", "news", "hello", { id: "once" }).catch(({ code }) => code));
    expect([undefined, "effect-timeout"]).toContain(await sent);
    await clock.advance(4 * MINUTE);
    go();
    await clock.advance(6 * MINUTE);
    if (since === "middle") store.hangs = undefined;
    await clock.runUntil(new Runs(store, { clock }).send("t", "news", "hello", { id: "once" }).catch(() => {}));
    const outcome = await clock.runUntil(run.outcome);
    expect(outcome).toMatchObject({ status: "COMPLETE", results });
    expect(store.hung).toBeGreaterThan(0);
    await clock.advance(MINUTE);
    expect(await agent.cache.peekMailbox("ends")).toMatchObject([{ id: "t/end/1" }]);
    expect(await store.read("t")).toMatchObject({ status: "COMPLETE", lease: null });
    expect(clock.pending).toBe(0);
  });
});

describe("a run whose store does not answer a call any more", () => {
  it("takes a message that it is sent, once, and says in time that this is not stored yet", async () => {
    const { clock, store, agent, begun, go } = busy();
    const run = agent.start(taskOf());
    await clock.runUntil(begun);
    await clock.advance(1_000);
    store.hangs = "commit";
    const since = clock.now();
    const error = await clock.runUntil(run.send("news", "hello").catch((refusal: unknown) => refusal));
    expect(error).toMatchObject({ code: "send-unstored", taskId: "t", cause: { code: "effect-timeout" } });
    expect(clock.now() - since).toBe(30_000);
    go();
    store.hangs = undefined;
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results });
    expect(await new Runs(store).value("t", ["nodes", "listens", "result"])).toBe("hello");
  });

  it.each(CALLS)("is cancelled in time all the same, and what works is aborted at once (%s)", async (call) => {
    const { clock, store, agent, begun } = busy();
    const run = agent.start(taskOf());
    await clock.runUntil(begun);
    await clock.advance(1_000);
    store.hangs = call;
    await clock.advance(MINUTE);
    const since = clock.now();
    const { status, task } = await clock.runUntil(run.cancel("enough"));
    expect([status, task.error]).toEqual(["FAILED", "The run was cancelled: enough"]);
    // The grace of what works, and that of the store.
    expect(clock.now() - since).toBeLessThanOrEqual(3_000);
  });
});

type Verb = (given: { agent: Agent; runs: Runs; store: RunStore }) => Promise<unknown>;

const outcomeOf = async (run: Promise<AgentRun>): Promise<unknown> => await (await run).outcome;

describe("whoever asks for a run whose store does not answer a call", () => {
  it.each<[string, Verb]>([
    ["start, attached", ({ agent }) => outcomeOf(Promise.resolve(agent.start(taskOf("parked"), { ifExists: "attach" })))],
    ["resume", ({ agent }) => outcomeOf(agent.resume("parked"))],
    ["retry", ({ agent }) => outcomeOf(agent.retry("failed"))],
    ["fork", ({ agent }) => outcomeOf(agent.fork("failed", { taskId: "forked" }))],
    ["runFromSnapshot", ({ agent }) => agent.runFromSnapshot({ taskId: "failed", generation: 1 })],
    ["get", ({ runs }) => runs.get("parked")],
    ["at", ({ runs }) => runs.at("parked", 1)],
    ["history", ({ runs }) => all(runs.history("parked"))],
    ["value", ({ runs }) => runs.value("failed", ["nodes", "a", "result"])],
    ["events", ({ runs }) => all(runs.events("failed"))],
    ["watch", ({ runs }) => all(runs.watch("failed"))],
    ["questions", ({ runs }) => all(runs.questions({ taskId: "parked" }))],
    ["send", ({ runs }) => runs.send("parked", "m", 1)],
    ["cancel", ({ runs }) => runs.cancel("parked")],
    ["submit", ({ runs }) => runs.submit(taskOf("new"), { agent: "worker" })],
    ["remove", ({ runs }) => runs.remove("parked")],
  ])("has what was asked for, or is told in time (%s)", async (_verb, verb) => {
    let hung = 0;
    for (const call of CALLS) {
      const clock = new SimulatedClock();
      const store = new HangingStore(clock);
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
      store.hangs = call;
      let told: unknown;
      const asked = verb({ agent, runs: new Runs(store, { clock }), store }).then(
        () => "done",
        ({ code }) => code,
      );
      void asked.then((given) => {
        told = given;
      });
      // Each of its questions in turn, and the pauses between.
      await clock.advance(5 * MINUTE);
      // An outcome that waits for its store does so as long as its process lives.
      if (told === undefined) store.hangs = undefined;
      const given = await clock.runUntil(asked);
      expect([call, given]).toEqual([call, expect.stringMatching(/^(done|effect-timeout|run-exists|run-owned)$/)]);
      if (told === undefined) expect([call, given]).toEqual([call, "done"]);
      hung += store.hung;
      store.hangs = undefined;
      // Whatever became of it: nothing is left that stands in anybody's way when a lease has run out.
      await clock.advance(MINUTE);
      const row = await store.read("parked");
      if (row?.status === "open") expect(await clock.runUntil(outcomeOf(agent.resume("parked")))).toMatchObject({ status: "COMPLETE" });
      await clock.advance(0);
      expect([call, clock.pending]).toEqual([call, 0]);
    }
    expect(hung).toBeGreaterThan(0);
  });
});
