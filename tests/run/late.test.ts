/** Late means nothing: what an attempt does after it has ended is refused or dropped, whether it was given up or gave its result. */
import {
  Agent,
  type AgentEvent,
  type AgentModule,
  type Cache,
  defineModule,
  MemoryCache,
  MemoryStore,
  type ModuleContext,
  Node,
} from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { generationsOf, loadedFrom } from "../support/snapshots.ts";
import { aborted, deferred, failure, moduleOf, newTask, nodeOf, success, unhandledDuring, within } from "./support.ts";

/** How an attempt may end while its module holds on to its context. */
const ENDS = {
  "given up after its time limit": { config: { timeoutMs: 5 }, end: () => new Promise(() => {}) },
  "that gave its result": { config: {}, end: async () => success() },
  "that threw": { config: {}, end: () => Promise.reject(new Error("over")) },
} as const;

/** The context of an attempt that has ended, in a run that goes on until `finish`. */
async function lateContext(
  { config, end }: (typeof ENDS)[keyof typeof ENDS],
  depth: number,
  use: (context: ModuleContext, values: Cache, events: AgentEvent[]) => Promise<void>,
  valuesIn: "run" | "cache" = "run",
): Promise<void> {
  const cache = new MemoryCache();
  const kept = deferred<ModuleContext>();
  const finish = deferred();
  const keeper = new Node({
    name: "keeper",
    nodeConfig: { maxRetries: 1 },
    modules: [
      defineModule({
        name: "keeper",
        config,
        process: (context) => {
          // Made in time, as a module does that takes its context apart.
          void context.signal;
          kept.resolve(context);
          return end() as never;
        },
      }),
    ],
  });
  const holding = nodeOf("holding", [], async () => {
    await finish.promise;
    return success();
  });
  const agent = new Agent({ cache, valuesIn, abortGraceMs: 5, nodes: [within(depth, keeper, { nodeConfig: { maxRetries: 1 } }), holding] });
  const run = agent.start(newTask());
  const events: AgentEvent[] = [];
  const ended = deferred();
  const collecting = (async () => {
    for await (const event of run.events()) {
      events.push(event);
      if ((event.type === "node.completed" || event.type === "node.failed") && event.node === "keeper") ended.resolve();
    }
  })();
  const context = await kept.promise;
  await ended.promise;
  await use(context, valuesIn === "run" ? run.values : cache, events);
  finish.resolve();
  await run.outcome;
  await collecting;
}

const refused = { code: "attempt-ended", message: expect.stringContaining("has ended") };

describe.each(Object.entries(ENDS))("an attempt %s", (_, end) => {
  it.each([
    [0, "run"],
    [2, "run"],
    [0, "cache"],
  ] as const)("writes, publishes, receives and saves nothing more (within %i graphs, values in the %s)", async (depth, valuesIn) => {
    const use = async ({ values: own, step, sleep, receive, ask }: ModuleContext, values: Cache): Promise<void> => {
      await values.set("kept", 1);
      await values.publishToMailbox("box", "kept");
      const before = await values.getAll();
      const writes: (() => Promise<unknown>)[] = [
        () => own.set("late", 1),
        () => own.setMany({ late: 1 }),
        () => own.delete("kept"),
        () => own.clear(),
        () => own.update("kept", () => 2),
        () => own.increment("kept"),
        () => own.publishToMailbox("box", "late"),
        () => own.getMessage("box"),
        () => own.getMessage("box", { timeoutMs: 0 }),
        () => own.withPrefix("p").set("late", 1),
        () => own.withSuffix("s").set("late", 1),
        () => own.close(),
        () => step("late", () => 1),
        () => sleep(1),
        () => receive("box"),
        () => ask("late", { answer: {} }),
      ];
      for (const write of writes) await expect(write(), String(write)).rejects.toMatchObject(refused);
      expect(await values.getAll()).toEqual(before);
      expect(await values.peekMailbox("box")).toEqual(["kept"]);
    };
    await lateContext(end, depth, use, valuesIn);
  });

  it("may still read", async () => {
    await lateContext(end, 0, async ({ values: own, task }, values) => {
      await values.set("kept", 1);
      expect(await own.get("kept")).toBe(1);
      expect(await own.getMany(["kept"])).toEqual({ kept: 1 });
      expect((await own.keys()).has("kept")).toBe(true);
      expect(await own.peekMailbox("box")).toEqual([]);
      expect(await own.mailboxes()).toEqual(await values.mailboxes());
      expect(task.status).toBe("EXECUTING");
    });
  });

  it("tells nothing, and calls no model", async () => {
    const client = new ScriptedInferenceClient(["never"]);
    await lateContext(end, 0, async ({ emit, signal }, _cache, events) => {
      const count = events.length;
      emit({ type: "late" });
      const rejected = client.generate([{ role: "USER", content: "Hello" }], { signal });
      await expect(rejected).rejects.toThrow();
      expect(events.slice(count).filter(({ type }) => type === "module.emitted")).toEqual([]);
      expect(client.remaining).toBe(1);
    });
  });

  it("ends no process by what nobody waits for", async () => {
    const unhandled = await unhandledDuring(() =>
      lateContext(end, 0, async ({ values: own, emit, step, sleep, receive, ask }) => {
        void own.set("late", 1);
        void own.update("late", () => 1);
        void own.getMessage("box");
        void step("late", () => 1);
        void sleep(1);
        void receive("box");
        void ask("late", { answer: {} });
        emit({ type: "late" });
      }),
    );
    expect(unhandled).toEqual([]);
  });
});

describe("what a module has begun and does not wait for", () => {
  /** Everything of a context that gives a promise. */
  const begun = ({ values, step, sleep, receive, ask, evaluate }: ModuleContext): Promise<unknown>[] => [
    ...[values, values.withPrefix("p"), values.withSuffix("s")].flatMap((view) => [
      view.get("never"),
      view.getMany(["never"]),
      view.getAll(),
      view.keys(),
      view.peekMailbox("box"),
      view.mailboxes(),
      view.set("key", 1),
      view.setMany({ key: 1 }),
      view.delete("key"),
      view.clear(),
      view.update("key", () => 1n as never),
      view.increment("key", Number.NaN),
      view.publishToMailbox("other", 1),
      view.getMessage("box"),
      view.getMessage("box", { timeoutMs: 60_000 }),
    ]),
    step("never", () => new Promise(() => {})),
    step("refused", () => 1n),
    sleep(60_000),
    receive("never"),
    receive("never"),
    ask("never", { answer: {} }),
    evaluate("("),
  ];

  /** Answers as it should until it is told to be late: then all it is asked is refused when the run is over. */
  function lateCache(): { cache: MemoryCache; beLate(): void; refuse(): void } {
    const over = deferred();
    let isLate = false;
    const handler: ProxyHandler<MemoryCache> = {
      get(cache, name) {
        const member: unknown = Reflect.get(cache, name, cache);
        if (typeof member !== "function") return member;
        if (name === "withPrefix" || name === "withSuffix") return (affix: string) => new Proxy(cache[name](affix), handler);
        if (isLate) return () => over.promise.then(() => Promise.reject(new Error("closed")));
        return member.bind(cache);
      },
    };
    return {
      cache: new Proxy(new MemoryCache(), handler),
      beLate() {
        isLate = true;
      },
      refuse: over.resolve,
    };
  }

  it.each([
    ["that gave its result", async () => success(), false],
    ["that threw", () => Promise.reject(new Error("over")), false],
    ["that was cancelled, and left behind", () => new Promise(() => {}), true],
  ])("ends no process: an attempt %s", async (_, end, isCancelled) => {
    for (const isLate of [false, true]) {
      const { cache, beLate, refuse } = lateCache();
      const settled: PromiseSettledResult<unknown>[] = [];
      const unhandled = await unhandledDuring(async () => {
        let all: Promise<unknown>[] = [];
        const leaves = nodeOf(
          "leaves",
          [],
          (context) => {
            if (isLate) beLate();
            all = begun(context);
            if (isCancelled) queueMicrotask(() => void run.cancel());
            return end();
          },
          { nodeConfig: { maxRetries: 1 } },
        );
        const run = new Agent({ cache, valuesIn: "cache", abortGraceMs: 5, effectTimeoutMs: 20, nodes: [leaves] }).start(newTask());
        await run.outcome;
        refuse();
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        settled.push(...(await Promise.allSettled(all)));
      });
      expect(unhandled).toEqual([]);
      // Whoever listens hears it all the same.
      const refusals = settled.filter(({ status }) => status === "rejected").length;
      expect(refusals).toBeGreaterThan(isLate ? 3 * 15 : 3 * 5);
    }
  });
});

describe("a change of a value", () => {
  it("that is decided after its attempt has ended does not take place", async () => {
    const cache = new MemoryCache();
    const entered = deferred();
    const slow = new (class extends MemoryCache {
      override async update<T>(key: string, change: (current: T | undefined) => T): Promise<T> {
        entered.resolve();
        await goOn.promise;
        return cache.update(key, change);
      }
    })();
    const goOn = deferred();
    let changed: Promise<unknown> | undefined;
    const node = nodeOf("updates", [], async ({ values: own }) => {
      changed = own.update("n", () => 1);
      await entered.promise;
      return success();
    });
    await new Agent({ cache: slow, valuesIn: "cache", nodes: [node] }).runTask(newTask());
    goOn.resolve();
    await expect(changed).rejects.toMatchObject(refused);
    expect(await cache.keys()).toEqual(new Set());
  });
});

describe("a message", () => {
  it("that comes after its receiver's attempt has ended goes to somebody else", async () => {
    const cache = new MemoryCache();
    const received = deferred<unknown>();
    const waits = nodeOf("waits", [], async ({ values: own }) => {
      own.getMessage("box").then(received.resolve, received.resolve);
      return success();
    });
    await new Agent({ cache, valuesIn: "cache", nodes: [waits] }).runTask(newTask());
    expect(await received.promise).toMatchObject(refused);
    await cache.publishToMailbox("box", "for the next");
    expect(await cache.getMessage("box", { timeoutMs: 0 })).toBe("for the next");
  });
});

describe("nodes", () => {
  it.each([0, 2])("that an attempt gives after it was given up are not added (within %i graphs)", async (depth) => {
    const first = deferred();
    const late = deferred();
    const extra = (text: string) => nodeOf("extra", [], () => success(text));
    const adds = moduleOf("adds", async ({ node }) => {
      if (node.attempt > 1) return { ...success(), newNodes: [extra("of the attempt that counts")] };
      first.resolve();
      await late.promise;
      return { ...success(), newNodes: [extra("of the attempt that was given up")] };
    });
    const fails = moduleOf("fails", async ({ node }) => {
      if (node.attempt > 1) return success();
      await first.promise;
      return failure("first attempt");
    });
    const creator = new Node({ name: "creator", modules: [adds, fails], nodeConfig: { parallel: true, maxRetries: 2 } });
    const holds = nodeOf("holds", ["creator"], async () => {
      late.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      return success();
    });
    const nodes = depth === 0 ? [creator, holds] : [within(depth - 1, new Node({ name: "around", nodes: [creator, holds] }))];
    const { status, nodes: results } = await new Agent({ abortGraceMs: 5, nodes }).runTask(newTask());
    expect(status).toBe("COMPLETE");
    expect(JSON.stringify(results)).toContain("of the attempt that counts");
    expect(JSON.stringify(results)).not.toContain("given up");
  });
});

describe("a generator", () => {
  it("goes on with what it was given at its first visit, and may write while it is cleaned up", async () => {
    const steps = moduleOf("steps", async function* ({ values: own }: ModuleContext) {
      try {
        for (let visit = 1; ; visit++) {
          await own.set("visit", visit);
          yield success(visit);
        }
      } finally {
        await own.set("closed", true);
      }
    } as never);
    const again = nodeOf("again", ["steps"], ({ node }) => ({ ...success(), decision: node.visit === 1 ? "steps" : null }));
    const run = new Agent({ nodes: [new Node({ name: "steps", modules: [steps] }), again] }).start(newTask());
    await run.outcome;
    expect(await run.values.getMany(["visit", "closed"])).toEqual({ visit: 2, closed: true });
  });

  it("that was given up does not drop the one that came after it", async () => {
    const released = deferred();
    let started = 0;
    const module = moduleOf(
      "steps",
      async function* ({ node }: ModuleContext) {
        started++;
        if (node.attempt === 1) {
          await released.promise;
          throw new Error("late");
        }
        yield success(1);
        yield success(2);
      } as never,
      { config: { timeoutMs: 5 } },
    );
    const again = nodeOf("again", ["steps"], async ({ node }) => {
      released.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      return { ...success(), decision: node.visit === 1 ? "steps" : null };
    });
    const agent = new Agent({ abortGraceMs: 1, nodes: [new Node({ name: "steps", modules: [module] }), again] });
    const { nodes: results } = await agent.runTask(newTask());
    expect(results.steps?.results[0]?.result).toBe(2);
    expect(started).toBe(2);
  });
});

describe("a snapshot of progress", () => {
  it("is not taken for an attempt that has ended", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const kept = deferred<ModuleContext>();
    const task = newTask();
    const node = nodeOf(
      "saves",
      [],
      async (context) => {
        await context.step("in time", () => ({ at: 1 }));
        kept.resolve(context);
        return success();
      },
      { snapshot: "ALWAYS" },
    );
    const last = nodeOf("last", ["saves"], async () => {
      const { step } = await kept.promise;
      return success(await step("late", () => ({ at: 2 })).catch((error: { code: string }) => error.code));
    });
    const { nodes: results } = await new Agent({ store, snapshot: "NEVER", nodes: [node, last] }).runTask(task);
    expect(results.last?.results[0]?.result).toBe("attempt-ended");
    const saved = await Promise.all(
      (await generationsOf(store, task.id)).map(async (ref) =>
        [...(await loadedFrom(store, ref)).parts].filter(([name]) => name.startsWith("kept/")),
      ),
    );
    expect(saved.flat().map(([, text]) => text)).toContain('{"result":{"at":1}}');
    expect(saved.flat().map(([, text]) => text)).not.toContain('{"result":{"at":2}}');
  });
});

/** Ways to give up an attempt whose module answers its abort, in its grace time, with a success. */
const GIVEN_UP: Record<string, { limit?: number; siblings?: AgentModule[]; cancel?: true; code: string }> = {
  "by a time limit": { limit: 5, code: "timeout" },
  "by a cancel": { cancel: true, code: "cancelled" },
  "by a sibling's failure": { siblings: [moduleOf("fails", () => failure("as it should"))], code: "module-failed" },
};

describe.each(Object.entries(GIVEN_UP))("an attempt that was given up %s", (_way, { limit, siblings = [], cancel, code }) => {
  it.each([
    [0, false],
    [0, true],
    [2, false],
    [2, true],
  ])("keeps nothing of what its module still gives (within %i graphs, stopOnSuccess: %s)", async (depth, stopOnSuccess) => {
    // One failure is no end where a fallback may take over.
    if (siblings.length > 0 && stopOnSuccess) return;
    const begun = deferred();
    const answers = moduleOf(
      "answers",
      async ({ signal }) => {
        begun.resolve();
        await aborted(signal);
        return { ...success("late"), decision: "elsewhere", newNodes: [nodeOf("added")] };
      },
      { outputMailbox: "late" },
    );
    const node = new Node({
      name: "n",
      modules: [answers, ...siblings],
      config: { stopOnSuccess, ...(limit === undefined ? {} : { timeoutMs: limit }) },
      nodeConfig: { maxRetries: 1, parallel: siblings.length > 0 },
    });
    const agent = new Agent({ nodes: [within(depth, node, { nodeConfig: { maxRetries: 1 } })] });
    const run = agent.start(newTask());
    await begun.promise;
    if (cancel) void run.cancel("enough");
    const { status, errors } = await run.outcome;
    expect(status).toBe("FAILED");
    expect(errors.find(({ node: name }) => name === "n")?.code).toBe(code);
    expect(await agent.cache.peekMailbox("late")).toEqual([]);
    expect(JSON.stringify(run.actor.getPersistedSnapshot())).not.toMatch(/"late"|"added"|"elsewhere"/);
  });
});

describe("a fallback that was running", () => {
  it.each([true, false])("is told, and tells, why its attempt was given up, not what it took over from (cancel: %s)", async (cancel) => {
    const begun = deferred();
    const reasons: unknown[] = [];
    const modules = [
      moduleOf("first", () => failure("down")),
      moduleOf("second", async ({ signal }) => {
        begun.resolve();
        reasons.push((await aborted(signal)) as Error);
        throw signal.reason;
      }),
    ];
    const config = { stopOnSuccess: true, ...(cancel ? {} : { timeoutMs: 5 }) };
    const run = new Agent({ nodes: [new Node({ name: "n", modules, config, nodeConfig: { maxRetries: 1 } })] }).start(newTask());
    await begun.promise;
    if (cancel) void run.cancel("enough");
    const { errors } = await run.outcome;
    const code = cancel ? "cancelled" : "timeout";
    expect([errors.find(({ node }) => node === "n")?.code, (reasons[0] as { code: string }).code]).toEqual([code, code]);
  });
});
