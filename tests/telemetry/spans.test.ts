import { SpanStatusCode, trace } from "@opentelemetry/api";
import {
  Agent,
  type AgentModule,
  type AgentModuleInit,
  type AgentOptions,
  AsimovError,
  defineModule,
  MemoryStore,
  type ModuleContext,
  Node,
  type NodeInit,
  type RunStore,
  type SnapshotRef,
  Task,
} from "asimov-agents";
import { describe, expect, it } from "vitest";
import { createActor, setup } from "xstate";
import { AlteredStore, snapshotsOf } from "../support/snapshots.ts";
import { recorder } from "./recorder.ts";

const recorded = recorder();
const newTask = (): Task => new Task({ type: "test", objective: "Be traced" });

/** Starts a span of the user's own after it was away from the stack. */
const withSpan = (name: string, init: Partial<AgentModuleInit> = {}, work: (context: ModuleContext) => unknown = () => name): AgentModule =>
  defineModule({
    ...init,
    name,
    async process(context) {
      await Promise.resolve();
      trace.getTracer("user").startSpan(`${name}'s own`).end();
      return { status: "success", result: (await work(context)) ?? null };
    },
  });

function gate(): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

describe("spans", () => {
  it("are one for the run, for each node and module that asks, and the user's own below them", async () => {
    const run = await trace.getTracer("user").startActiveSpan("request", async (span) => {
      const outcome = await new Agent({
        nodes: [
          new Node({ name: "plan", trace: true, modules: [withSpan("traced", { trace: true }), withSpan("untraced")] }),
          new Node({ name: "quiet", dependencies: ["plan"], modules: [withSpan("loud", { trace: true }), withSpan("silent")] }),
        ],
      }).runTask(newTask());
      span.end();
      return outcome;
    });
    expect(run.status).toBe("COMPLETE");
    const parents = Object.fromEntries([...recorded.spans().keys()].map((name) => [name, recorded.parentOf(name)]));
    expect(parents).toEqual({
      request: undefined,
      "run test": "request",
      "node plan": "run test",
      "module traced": "node plan",
      "traced's own": "module traced",
      "untraced's own": "node plan",
      "module loud": "run test",
      "loud's own": "module loud",
      "silent's own": "run test",
    });
    expect(new Set(recorded.ended().map((span) => span.spanContext().traceId)).size).toBe(1);
    const [module, runSpan] = [recorded.spans().get("module traced"), recorded.spans().get("run test")];
    expect(module?.attributes).toMatchObject({
      "asimov.module.name": "traced",
      "asimov.node.name": "plan",
      "asimov.node.visit": 1,
      "asimov.node.attempt": 1,
    });
    expect(runSpan?.attributes).toMatchObject({ "asimov.task.id": run.task.id });
    for (const span of recorded.ended()) expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(recorded.started()).toBe(recorded.ended().length);
  });

  it("are parented across nested graphs", async () => {
    const innermost = new Node({ name: "innermost", trace: true, modules: [withSpan("deep", { trace: true })] });
    const inner = new Node({ name: "inner", nodes: [innermost] });
    await new Agent({ nodes: [new Node({ name: "outer", trace: true, nodes: [inner] })] }).runTask(newTask());
    expect(recorded.parentOf("deep's own")).toBe("module deep");
    expect(recorded.parentOf("module deep")).toBe("node innermost");
    expect(recorded.parentOf("node innermost")).toBe("node outer");
    expect(recorded.parentOf("node outer")).toBe("run test");
    expect(recorded.parentOf("run test")).toBeUndefined();
  });

  it("do not mix up between runs that share the limit of modules", async () => {
    const agent = new Agent({ maxConcurrentTasks: 1, nodes: [new Node({ name: "only", modules: [withSpan("only")] })] });
    const tasks = Array.from({ length: 5 }, (_, index) => new Task({ type: String(index), objective: "Be traced" }));
    await Promise.all(tasks.map((task) => agent.runTask(task, { cachePrefix: task.type })));
    const runs = new Map(recorded.ended().flatMap((span) => (span.name.startsWith("run ") ? [[span.spanContext().spanId, span]] : [])));
    const own = recorded.ended().filter(({ name }) => name === "only's own");
    expect(new Set(own.map(({ parentSpanContext }) => runs.get(parentSpanContext?.spanId ?? "")?.name))).toEqual(
      new Set(["run 0", "run 1", "run 2", "run 3", "run 4"]),
    );
  });

  it("are one for each visit and attempt, and hold the error of those that failed", async () => {
    const outcome = await new Agent({
      nodes: [
        new Node({
          name: "flaky",
          trace: true,
          nodeConfig: { maxRetries: 3 },
          modules: [
            withSpan("flaky", { trace: true }, ({ node }) => {
              if (node.attempt === 1) throw new Error("first");
              return node.attempt;
            }),
          ],
        }),
        new Node({ name: "good", modules: [withSpan("good")] }),
        new Node({
          name: "bad",
          trace: true,
          nodeConfig: { maxRetries: 1 },
          modules: [defineModule({ name: "bad", trace: true, process: () => ({ status: "error", error: "said so" }) })],
        }),
      ],
    }).runTask(newTask());
    expect(outcome.status).toBe("PARTIAL");
    const named = (name: string) => recorded.ended().filter((span) => span.name === name);
    expect(named("node flaky").map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET]);
    expect(named("module flaky").map(({ status, attributes }) => [status.code, attributes["asimov.node.attempt"]])).toEqual([
      [SpanStatusCode.ERROR, 1],
      [SpanStatusCode.UNSET, 2],
    ]);
    expect(named("module flaky")[0]?.events).toEqual([
      expect.objectContaining({ name: "exception", attributes: expect.objectContaining({ "exception.message": "first" }) }),
    ]);
    for (const name of ["module bad", "node bad", "run test"]) {
      expect(named(name).map(({ status }) => status)).toEqual([{ code: SpanStatusCode.ERROR, message: "said so" }]);
    }
  });

  it("tell what a module threw: its class, stack, causes and properties", async () => {
    const thrown = Object.assign(new RangeError("too far", { cause: new Error("why") }), { at: 7, apiKey: "sk-abcdefghijklmnop" });
    const module = defineModule({
      name: "throws",
      trace: true,
      process: async () => {
        throw thrown;
      },
    });
    await new Agent({ nodes: [new Node({ name: "throws", trace: true, nodeConfig: { maxRetries: 1 }, modules: [module] })] }).runTask(
      newTask(),
    );
    for (const [name, kind] of [
      ["module throws", "RangeError"],
      ["node throws", "module-failed"],
      ["run test", "module-failed"],
    ] as const) {
      const [span] = recorded.ended().filter((each) => each.name === name);
      expect(span?.attributes["error.type"]).toBe(kind);
      expect(span?.events).toEqual([
        expect.objectContaining({
          name: "exception",
          attributes: {
            "exception.type": "RangeError",
            "exception.message": "too far",
            "exception.stacktrace": expect.stringContaining("spans.test.ts"),
            "asimov.error.cause": expect.stringContaining('"message":"why"'),
            "asimov.error.properties": '{"at":7,"apiKey":"[redacted]"}',
          },
        }),
      ]);
    }
  });

  it("name a failure by its code, else by its class, else not at all", async () => {
    const ends: [string, () => never | { status: "error" }][] = [
      [
        "graph-cycle",
        () => {
          throw new AsimovError("no", { code: "graph-cycle" });
        },
      ],
      [
        "RangeError",
        () => {
          throw new RangeError("no");
        },
      ],
      ["_OTHER", () => ({ status: "error" })],
    ];
    for (const [kind, process] of ends) {
      const module = defineModule({ name: kind, trace: true, process });
      await new Agent({ nodes: [new Node({ name: "n", nodeConfig: { maxRetries: 1 }, modules: [module] })] }).runTask(newTask());
      expect(recorded.ended().find(({ name }) => name === `module ${kind}`)?.attributes["error.type"]).toBe(kind);
    }
  });

  it("of a node that a condition skips end without an error", async () => {
    await new Agent({
      nodes: [new Node({ name: "skipped", trace: true, nodeConfig: { condition: "false" }, modules: [withSpan("never")] })],
    }).runTask(newTask());
    expect(recorded.spans().get("node skipped")?.status.code).toBe(SpanStatusCode.UNSET);
    expect(recorded.started()).toBe(recorded.ended().length);
  });

  const stubborn = (entered: () => void): AgentModule =>
    defineModule({
      name: "stubborn",
      trace: true,
      config: { timeoutMs: 20 },
      process: () => {
        entered();
        return new Promise(() => {});
      },
    });

  it("end when a module times out and never returns", async () => {
    const agent = new Agent({
      abortGraceMs: 1,
      nodes: [new Node({ name: "late", trace: true, nodeConfig: { maxRetries: 1 }, modules: [stubborn(() => {})] })],
    });
    await agent.runTask(newTask());
    expect([...recorded.spans()].map(([name, { status }]) => [name, status])).toEqual(
      ["module stubborn", "node late", "run test"].map((name) => [
        name,
        { code: SpanStatusCode.ERROR, message: "Module stubborn timed out after 20 ms" },
      ]),
    );
  });

  it("end when the run is cancelled", async () => {
    const entered = gate();
    const nested = new Node({ name: "inner", trace: true, modules: [stubborn(entered.open)] });
    const agent = new Agent({ abortGraceMs: 1, nodes: [new Node({ name: "outer", trace: true, nodes: [nested] })] });
    const run = agent.start(newTask());
    await entered.opened;
    await run.cancel("enough");
    expect([...recorded.spans()].map(([name, { status }]) => [name, status])).toEqual(
      ["module stubborn", "node inner", "node outer", "run test"].map((name) => [
        name,
        { code: SpanStatusCode.ERROR, message: "The run was cancelled: enough" },
      ]),
    );
  });

  it("end when the machine that embeds the agent is stopped", async () => {
    const entered = gate();
    const nested = new Node({
      name: "inner",
      trace: true,
      modules: [
        withSpan("waits", { trace: true }, ({ signal }) => {
          entered.open();
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        }),
      ],
    });
    const agent = new Agent({ nodes: [new Node({ name: "outer", trace: true, nodes: [nested] })] });
    const machine = setup({ actors: { agent: agent.logic } }).createMachine({
      invoke: { src: "agent", input: () => ({ task: newTask() }) },
    });
    const actor = createActor(machine).start();
    await entered.opened;
    actor.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect([...recorded.spans().keys()].sort()).toEqual(["module waits", "node inner", "node outer", "run test", "waits's own"]);
    expect(recorded.started()).toBe(recorded.ended().length);
  });

  it("of a restored run begin where it was restored, also in the middle of a step", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const entered = gate();
    const nodes = (wait: () => Promise<void>) => [
      new Node({ name: "slow", trace: true, modules: [withSpan("slow", { trace: true }, wait)] }),
    ];
    const leave = gate();
    const run = new Agent({
      store,
      snapshot: "NEVER",
      nodes: nodes(() => {
        entered.open();
        return leave.opened;
      }),
    }).start(newTask());
    await entered.opened;
    const ref = await run.snapshot();
    leave.open();
    await run.outcome;
    const before = recorded.ended().length;
    await trace.getTracer("user").startActiveSpan("resume", async (span) => {
      await new Agent({ store, snapshot: "NEVER", nodes: nodes(async () => {}) }).runFromSnapshot(ref);
      span.end();
    });
    const restored = recorded.ended().slice(before);
    const parents = restored.map(({ name, parentSpanContext }) => [
      name,
      restored.find((span) => span.spanContext().spanId === parentSpanContext?.spanId)?.name,
    ]);
    expect(Object.fromEntries(parents)).toEqual({
      resume: undefined,
      "run test": "resume",
      "node slow": "run test",
      "module slow": "node slow",
      "slow's own": "module slow",
    });
  });
});

describe("the span of a run that is restored and refused", () => {
  const node = (name: string, init: Partial<NodeInit> = {}): Node => new Node({ name, modules: [withSpan(name)], ...init });
  const graph = (...added: Node[]): Node[] => [node("a"), node("b", { dependencies: ["a"], snapshot: "ALWAYS" }), ...added];

  /** A store that gives what was stored of a run before its node "b", changed. */
  async function stored(change: (parts: Map<string, string>) => void = () => {}): Promise<{ ref: SnapshotRef; store: RunStore }> {
    const store = new AlteredStore();
    const task = newTask();
    await new Agent({ nodes: graph(), store, snapshot: "NEVER" }).runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    store.alter = change;
    return { ref: ref as SnapshotRef, store };
  }

  const changed = (part: string, from: string, to: string) => (parts: Map<string, string>) => {
    const text = parts.get(part) ?? "";
    expect(text).toContain(from);
    parts.set(part, text.replace(from, to));
  };
  const refusals: [string, string, AgentOptions, Parameters<typeof stored>[0]?][] = [
    ["another graph", "snapshot-other-graph", { nodes: [node("b", { snapshot: "ALWAYS" })] }],
    ["an agent in an unknown state", "snapshot-damaged", { nodes: graph() }, changed("agent", '"executing"', '"dreaming"')],
    ["a node in an unknown state", "snapshot-damaged", { nodes: graph() }, changed("node/a", '"COMPLETE"', '"DREAMING"')],
    [
      "a node that the graph does not hold",
      "snapshot-damaged",
      { nodes: graph() },
      (parts) => parts.set("node/z", parts.get("node/a") ?? ""),
    ],
    ["an agent that keeps values elsewhere", "snapshot-other-values", { nodes: graph(), valuesIn: "cache" }],
  ];

  it.each(refusals)("ends with the error: %s", async (_what, why, options, change) => {
    const { ref, store } = await stored(change);
    const before = recorded.ended().length;
    const started = recorded.started();
    const error = await new Agent({ ...options, store, snapshot: "NEVER" }).startFromSnapshot(ref).then(
      () => expect.unreachable("was restored"),
      (thrown: unknown) => thrown as Error & { code?: string },
    );
    expect([error.code, error.message]).toContain(why);
    expect(recorded.started()).toBe(started + 1);
    const [span, ...others] = recorded.ended().slice(before);
    expect([span?.name, others]).toEqual(["run test", []]);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(error.message).toContain(span?.status.message);
    expect(span?.events).toMatchObject([{ name: "exception" }]);
  });

  it("is none where the snapshot cannot be read: no run began", async () => {
    const { ref, store } = await stored((parts) => parts.delete("agent"));
    const started = recorded.started();
    await expect(new Agent({ nodes: graph(), store, snapshot: "NEVER" }).startFromSnapshot(ref)).rejects.toMatchObject({
      code: "snapshot-damaged",
    });
    expect(recorded.started()).toBe(started);
  });

  it("ends with the error in a machine that embeds the agent, too", async () => {
    const host = (nodes: Node[]) =>
      setup({ actors: { agent: new Agent({ nodes }).logic } }).createMachine({
        invoke: { src: "agent", input: () => ({ task: newTask() }), onError: { actions: () => failed.open() } },
      });
    const failed = gate();
    const entered = gate();
    const wait = (): Promise<never> => {
      entered.open();
      return new Promise(() => {});
    };
    const waiting = (name: string): Node =>
      new Node({
        name,
        modules: [withSpan(name, {}, () => wait())],
        nodeConfig: { retryOnFailure: false },
      });
    const actor = createActor(host([waiting("a")])).start();
    await entered.opened;
    const snapshot = actor.getPersistedSnapshot();
    actor.stop();
    await new Promise((resolve) => setImmediate(resolve));
    const before = recorded.ended().length;
    createActor(host([waiting("other")]), { snapshot }).start();
    await failed.opened;
    expect(recorded.ended().slice(before)).toMatchObject([
      { name: "run test", status: { code: SpanStatusCode.ERROR, message: expect.stringContaining("another graph") } },
    ]);
  });
});

/** Made before the SDK is there, as an agent at the top of a user's module is. */
const early = new Agent({ nodes: [new Node({ name: "early", modules: [withSpan("early")] })] });

describe("figures", () => {
  it("are recorded for an agent that was made before the SDK was installed", async () => {
    await early.runTask(newTask());
    expect((await recorded.figures())["asimov.node.visits"]).toBeDefined();
  });

  it("count the visits of nodes, and how long each took, by how it ended", async () => {
    await new Agent({
      nodes: [
        new Node({ name: "a", modules: [withSpan("a")] }),
        new Node({ name: "b", dependencies: ["a"], modules: [withSpan("b")] }),
        new Node({
          name: "bad",
          nodeConfig: { maxRetries: 2 },
          modules: [defineModule({ name: "bad", process: () => ({ status: "error", error: "bad" }) })],
        }),
        new Node({ name: "skipped", nodeConfig: { condition: "false" } }),
      ],
    }).runTask(newTask());
    const figures = await recorded.figures();
    const since = (name: string, status: string) =>
      figures[name]?.find(({ attributes }) => (attributes as Record<string, unknown>)["asimov.node.status"] === status)?.value;
    expect(since("asimov.node.visits", "SKIPPED")).toBeGreaterThanOrEqual(1);
    const counts = { COMPLETE: since("asimov.node.visits", "COMPLETE"), FAILED: since("asimov.node.visits", "FAILED") };
    expect(since("asimov.node.duration", "COMPLETE")).toMatchObject({ count: counts.COMPLETE });
    expect(since("asimov.node.duration", "FAILED")).toMatchObject({ count: counts.FAILED });

    await new Agent({ nodes: [new Node({ name: "c", modules: [withSpan("c")] })] }).runTask(newTask());
    const after = await recorded.figures();
    const completed = after["asimov.node.visits"]?.find(
      ({ attributes }) => (attributes as Record<string, unknown>)["asimov.node.status"] === "COMPLETE",
    );
    expect(completed?.value).toBe((counts.COMPLETE as number) + 1);
  });
});
