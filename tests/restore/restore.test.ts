import {
  Agent,
  type AgentOptions,
  defineModule,
  FlowControlModule,
  MemoryCache,
  MemoryStore,
  Node,
  type RunStore,
  type SnapshotRef,
  Task,
} from "asimov-agents";
import { describe, expect, it } from "vitest";
import { AlteredStore, generationsOf, loadedFrom, newestOf, snapshotsOf } from "../support/snapshots.ts";
import { collect, endOf, gate, logged, newTask, TASK_ID } from "./fixture.ts";

const newest = (store: RunStore): Promise<SnapshotRef> => newestOf(store, TASK_ID);

describe("restoring values", () => {
  it("finds values and mailboxes as they were, without what came later, and touches no cache", async () => {
    const cache = new MemoryCache();
    await cache.set("kept", true);
    await cache.publishToMailbox("inbox", "theirs");
    const store = new MemoryStore({ keep: 10_000 });
    const seen: unknown[] = [];
    const nodes = [
      new Node({
        name: "first",
        modules: [
          logged([], "first", async (context) => {
            await context.values.set("draft", { version: 1 });
            await context.values.set("lasting", "x", { ttlMs: 3_600_000 });
            await context.values.publishToMailbox("inbox", "one");
            await context.values.publishToMailbox("inbox", { two: 2 });
          }),
        ],
      }),
      new Node({
        name: "second",
        dependencies: ["first"],
        snapshot: "ALWAYS",
        modules: [
          logged([], "second", async (context) => {
            const mailboxes: Record<string, unknown> = {};
            for (const name of await context.values.mailboxes()) mailboxes[name] = await context.values.peekMailbox(name);
            seen.push([await context.values.getAll(), mailboxes]);
            await context.values.set("draft", { version: 2 });
            await context.values.set("later", true);
            await context.values.delete("lasting");
            await context.values.getMessage("inbox", { timeoutMs: 0 });
            await context.values.publishToMailbox("later", 1);
          }),
        ],
      }),
    ];
    const first = new Agent({ cache, nodes, store, snapshot: "NEVER" }).start(newTask());
    await first.outcome;
    expect(await first.values.get("later")).toBe(true);
    const again = await new Agent({ cache, nodes, store, snapshot: "NEVER" }).startFromSnapshot(await newest(store));
    await again.outcome;
    expect(await again.values.getAll()).toEqual(await first.values.getAll());
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toEqual([
      { draft: { version: 1 }, lasting: "x", task: expect.objectContaining({ status: "EXECUTING" }) },
      { inbox: ["one", { two: 2 }] },
    ]);
    expect(await cache.getAll()).toEqual({ kept: true });
    expect(await cache.peekMailbox("inbox")).toEqual(["theirs"]);
  });

  it("goes on in the key space of the cache that the run named, and refuses another, or another kind of place", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const cache = new MemoryCache();
    const nodes = [
      new Node({ name: "only", snapshot: "ALWAYS", modules: [logged([], "only", (context) => context.values.increment("n"))] }),
    ];
    const options = { cache, nodes, store, snapshot: "NEVER" as const };
    await cache.withPrefix("run-1").set("n", 10);
    await new Agent(options).runTask(newTask(), { cachePrefix: "run-1" });
    await new Agent(options).runFromSnapshot(await newest(store), { cachePrefix: "run-1" });
    expect(await cache.withPrefix("run-1").get("n")).toBe(12);
    const elsewhere = new Agent(options).runFromSnapshot(await newest(store), { cachePrefix: "run-2" });
    await expect(elsewhere).rejects.toMatchObject({ code: "invalid-options", message: expect.stringContaining('"run-1"; got "run-2"') });
    await new Agent(options).runTask(new Task({ type: "test", objective: "o", id: "own" }));
    const [own] = await snapshotsOf(store, "own");
    const shared = new Agent({ ...options, valuesIn: "cache" }).runFromSnapshot(own ?? "");
    await expect(shared).rejects.toMatchObject({ name: "SnapshotError", code: "snapshot-other-values" });
    expect(await cache.withPrefix("run-2").getAll()).toEqual({});
    expect(await cache.getAll()).toEqual({});
  });

  it("takes values of its own that are set before it goes on", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = [
      new Node({ name: "only", snapshot: "ALWAYS", modules: [logged([], "only", ({ values }) => values.getMany(["a", "b"]))] }),
    ];
    const given = { a: 1, b: 1 };
    expect((await new Agent({ nodes, store, snapshot: "NEVER" }).runTask(newTask(), { values: given })).results.only).toEqual(given);
    const again = new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(await newest(store), { values: { b: 2 } });
    expect((await again).results.only).toEqual({ a: 1, b: 2 });
  });

  it("holds a message once that was on its way when the snapshot was taken", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const entered = gate();
    const leave = gate();
    const nodes = [
      new Node({
        name: "slow",
        modules: [
          logged([], "slow", async () => {
            entered.open();
            await leave.opened;
          }),
        ],
      }),
    ];
    const run = new Agent({ nodes, store, snapshot: "NEVER" }).start(newTask());
    await entered.opened;
    const sent = run.send("inbox", "once");
    const ref = await run.snapshot();
    await sent;
    leave.open();
    await run.outcome;
    const restored = await new Agent({ nodes, store, snapshot: "NEVER" }).startFromSnapshot(ref);
    await restored.outcome;
    expect(await restored.values.peekMailbox("inbox")).toEqual(["once"]);
  });
});

describe("a snapshot in the middle of a step", () => {
  const parallel = (log: string[], slow: Promise<void>, entered: () => void): Node[] => [
    new Node({
      name: "wide",
      nodeConfig: { parallel: true },
      modules: [
        logged(log, "fast"),
        logged(log, "waits", async () => {
          entered();
          await slow;
        }),
        logged(log, "after fast", () => "after", { dependencies: ["fast"] }),
      ],
    }),
    new Node({ name: "beside", modules: [logged(log, "beside")] }),
    new Node({ name: "end", dependencies: ["wide", "beside"], modules: [logged(log, "end")] }),
  ];

  it("does not run again what had ended: modules of a parallel node, and the step's other nodes", async () => {
    const log: string[] = [];
    const store = new MemoryStore({ keep: 10_000 });
    const leave = gate();
    const entered = gate();
    const first = new Agent({ nodes: parallel(log, leave.opened, entered.open), store, snapshot: "NEVER" });
    const run = first.start(newTask());
    const open = new Set(["beside", "after fast"]);
    const othersEnded = (async () => {
      for await (const event of run.events()) {
        if (event.type === "node.completed") open.delete(event.node);
        if (event.type === "module.ended") open.delete(event.module);
        if (open.size === 0) return;
      }
    })();
    await Promise.all([entered.opened, othersEnded]);
    const ref = await run.snapshot();
    leave.open();
    const end = endOf(first, await run.outcome);
    expect(log).toEqual(["wide.1.1", "wide.1.1", "beside.1.1", "wide.1.1", "end.1.1"]);

    log.length = 0;
    const second = new Agent({ nodes: parallel(log, Promise.resolve(), () => {}), store, snapshot: "NEVER" });
    expect(endOf(second, await second.runFromSnapshot(ref))).toEqual(end);
    expect(log).toEqual(["wide.1.1", "end.1.1"]);
  });

  it("counts the interrupted step once, and gives what runs again the same idempotency key", async () => {
    const keys: string[] = [];
    const entered = gate();
    const leave = gate();
    const nodes = [
      new Node({
        name: "once",
        nodeConfig: { backoff: { initialMs: 1 } },
        modules: [
          logged([], "once", async ({ idempotencyKey, node }) => {
            if (node.attempt === 1) throw new Error("again");
            keys.push(idempotencyKey);
            entered.open();
            await leave.opened;
          }),
        ],
      }),
    ];
    const store = new MemoryStore({ keep: 10_000 });
    const run = new Agent({ nodes, store, snapshot: "NEVER" }).start(newTask());
    await entered.opened;
    const ref = await run.snapshot();
    leave.open();
    expect((await run.outcome).totalIterations).toBe(1);
    const restored = await new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(restored).toMatchObject({ status: "COMPLETE", totalIterations: 1, executions: { once: 1 } });
    expect(keys).toEqual([`${run.id}/once.1/once`, `${run.id}/once.1/once`]);
  });

  it("goes on with a retry whose time to wait had begun", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const log: string[] = [];
    const nodes = (initialMs: number) => [
      new Node({
        name: "retried",
        nodeConfig: { backoff: { initialMs } },
        modules: [
          logged(log, "retried", ({ node }) => {
            if (node.attempt === 1) throw new Error("not yet");
          }),
        ],
      }),
    ];
    const run = new Agent({ nodes: nodes(50), store, snapshot: "NEVER" }).start(newTask());
    for await (const event of run.events()) if (event.type === "node.retrying") break;
    const ref = await run.snapshot();
    await run.outcome;
    log.length = 0;
    expect((await new Agent({ nodes: nodes(50), store, snapshot: "NEVER" }).runFromSnapshot(ref)).status).toBe("COMPLETE");
    expect(log).toEqual(["retried.1.2"]);
  });

  it("goes on within a nested graph, in the middle of its step", async () => {
    const log: string[] = [];
    const entered = gate();
    const leave = gate();
    const nodes = (wait: () => Promise<void>) => [
      new Node({
        name: "outer",
        nodes: [
          new Node({
            name: "inner",
            nodes: [
              new Node({ name: "before", modules: [logged(log, "before")] }),
              new Node({ name: "during", dependencies: ["before"], modules: [logged(log, "during", wait)] }),
              new Node({ name: "after", dependencies: ["during"], modules: [logged(log, "after")] }),
            ],
          }),
        ],
      }),
    ];
    const store = new MemoryStore({ keep: 10_000 });
    const first = new Agent({
      store,
      snapshot: "NEVER",
      nodes: nodes(() => {
        entered.open();
        return leave.opened;
      }),
    });
    const run = first.start(newTask());
    await entered.opened;
    const ref = await run.snapshot();
    leave.open();
    const end = endOf(first, await run.outcome);
    log.length = 0;
    const second = new Agent({ nodes: nodes(async () => {}), store, snapshot: "NEVER" });
    expect(endOf(second, await second.runFromSnapshot(ref))).toEqual(end);
    expect(log).toEqual(["during.1.1", "after.1.1"]);
  });

  it("ends as cancelled when it was taken while the run was being cancelled", async () => {
    const log: string[] = [];
    const entered = gate();
    const leave = gate();
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = [
      new Node({
        name: "stubborn",
        modules: [
          logged(log, "stubborn", async () => {
            entered.open();
            await leave.opened;
          }),
        ],
      }),
      new Node({ name: "next", dependencies: ["stubborn"], modules: [logged(log, "next")] }),
    ];
    const run = new Agent({ nodes, store, snapshot: "NEVER" }).start(newTask());
    await entered.opened;
    const cancelled = run.cancel("enough");
    const ref = await run.snapshot();
    leave.open();
    await cancelled;
    const outcome = await new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(outcome.status).toBe("FAILED");
    expect(outcome.task.error).toBe("The run was cancelled: enough");
    expect(log).toEqual(["stubborn.1.1"]);
  });
});

describe("restoring", () => {
  it("gives the same end each time that the same snapshot is restored", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = () => [
      new Node({ name: "count", modules: [logged([], "count", ({ values }) => values.increment("n"))] }),
      new Node({
        name: "twice",
        dependencies: ["count"],
        snapshot: "ALWAYS",
        modules: [logged([], "twice", ({ values }) => values.increment("n"))],
      }),
    ];
    const agent = new Agent({ nodes: nodes(), store, snapshot: "NEVER" });
    const end = endOf(agent, await agent.runTask(newTask()));
    const ref = await newest(store);
    for (const cache of [new MemoryCache(), agent.cache, agent.cache]) {
      const again = new Agent({ nodes: nodes(), store, snapshot: "NEVER", cache });
      expect(endOf(again, await again.runFromSnapshot(ref))).toEqual(end);
    }
    const [left, right] = [
      new Agent({ nodes: nodes(), store, snapshot: "NEVER" }),
      new Agent({ nodes: nodes(), store, snapshot: "NEVER" }),
    ];
    const ended = left.runFromSnapshot(ref);
    await expect(right.runFromSnapshot(ref)).rejects.toMatchObject({ code: "run-owned" });
    expect(endOf(left, await ended)).toEqual(end);
  });

  it("counts generations on", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = ["a", "b", "c"].map(
      (name, index, all) => new Node({ name, dependencies: all.slice(0, index), snapshot: "ALWAYS", modules: [logged([], name)] }),
    );
    await new Agent({ nodes, store, snapshot: "NEVER" }).runTask(newTask());
    const [first] = await snapshotsOf(store, TASK_ID);
    await new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(first ?? "");
    const refs = await generationsOf(store, TASK_ID);
    expect(refs.map(({ generation }) => generation)).toEqual(refs.map((_, index) => index + 1));
    const stored = await Promise.all(refs.map((ref) => loadedFrom(store, ref)));
    const steps = stored.filter(({ why }) => why === "step").map(({ nodes: names }) => names.at(-1));
    expect(steps).toEqual(["a", "b", "c", "b", "c"]);
    expect(stored.filter(({ why }) => why === "ended")).toHaveLength(2);
  });

  it("gives the run its id, its task, and an event that tells of it", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const statuses: string[] = [];
    const nodes = [new Node({ name: "a", snapshot: "ALWAYS", modules: [logged([], "a", ({ task }) => void statuses.push(task.status))] })];
    const first = new Agent({ nodes, store, snapshot: "NEVER" }).start(newTask({ depth: { of: "params" } }));
    await first.outcome;
    const run = await new Agent({ nodes, store, snapshot: "NEVER" }).startFromSnapshot(await newest(store));
    const events = collect(run.events());
    const { task } = await run.outcome;
    expect(run.id).toBe(first.id);
    expect(run.task).toBe(task);
    expect(task.toJSON()).toEqual(first.task.toJSON());
    expect(statuses).toEqual(["EXECUTING", "EXECUTING"]);
    expect((await events)[0]).toMatchObject({ type: "run.restored", runId: first.id, generation: 2, graph: [] });
  });

  it("keeps failed chains and visits: what was PARTIAL stays PARTIAL, and a limit is not counted anew", async () => {
    const nodes = () => [
      new Node({
        name: "bad",
        nodeConfig: { maxRetries: 1 },
        modules: [defineModule({ name: "bad", process: () => ({ status: "error", error: "bad" }) })],
      }),
      new Node({ name: "after bad", dependencies: ["bad"], modules: [logged([], "never")] }),
      new Node({ name: "loop", nodeConfig: { maxVisits: 3 }, snapshot: "ALWAYS", modules: [logged([], "loop", ({ node }) => node.visit)] }),
      new Node({
        name: "forever",
        dependencies: ["loop"],
        modules: [new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "loop" }] } })],
      }),
      new Node({ name: "good", modules: [logged([], "good")] }),
    ];
    const store = new MemoryStore({ keep: 10_000 });
    const agent = new Agent({ nodes: nodes(), store, snapshot: "NEVER" });
    const outcome = await agent.runTask(newTask());
    expect(outcome.status).toBe("PARTIAL");
    expect(outcome.executions).toMatchObject({ loop: 3 });
    expect(outcome.failedChains).toEqual([
      ["bad", "after bad"],
      ["loop", "forever"],
    ]);
    const end = endOf(agent, outcome);
    for (const ref of await snapshotsOf(store, TASK_ID)) {
      const again = new Agent({ nodes: nodes(), store, snapshot: "NEVER" });
      expect(endOf(again, await again.runFromSnapshot(ref))).toEqual(end);
    }
  });

  it("obeys the limits of the agent that restores", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = ["a", "b", "c"].map(
      (name, index, all) => new Node({ name, dependencies: all.slice(0, index), snapshot: "ALWAYS", modules: [logged([], name)] }),
    );
    await new Agent({ nodes, store, snapshot: "NEVER" }).runTask(newTask());
    const [, second] = await snapshotsOf(store, TASK_ID);
    const outcome = await new Agent({ nodes, store, snapshot: "NEVER", maxTotalIterations: 2 }).runFromSnapshot(second ?? "");
    expect(outcome).toMatchObject({ status: "FAILED", totalIterations: 2 });
    expect(outcome.task.error).toContain("maxTotalIterations");
  });

  it("starts a generator anew, and says so by an event", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const closed: string[] = [];
    const nodes = () => [
      new Node({
        name: "yields",
        snapshot: "ALWAYS",
        modules: [
          defineModule({
            name: "generator",
            async *process() {
              try {
                for (let n = 1; ; n++) yield { status: "success" as const, result: n };
              } finally {
                closed.push("closed");
              }
            },
          }),
        ],
      }),
      new Node({
        name: "again?",
        dependencies: ["yields"],
        modules: [
          logged([], "count", ({ values }) => values.increment("n")),
          new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "yields", condition: "n < 3" }] } }),
        ],
      }),
    ];
    const first = await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runTask(newTask());
    expect(first.nodes.yields?.results).toEqual([{ status: "success", result: 3 }]);
    const refs = await snapshotsOf(store, TASK_ID);
    const restarts = async (ref: SnapshotRef | undefined) => {
      const run = await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).startFromSnapshot(ref ?? "");
      const events = await collect(run.events());
      return [(await run.outcome).nodes.yields?.results[0]?.result, events.filter(({ type }) => type === "generator.restarted")];
    };
    expect(await restarts(refs[0])).toMatchObject([3, []]);
    expect(await restarts(refs[2])).toMatchObject([1, [{ type: "generator.restarted", node: "yields", module: "generator", graph: [] }]]);
    expect(closed).toHaveLength(3);
  });

  it("ends at once, without running a node, when its signal was aborted before", async () => {
    const log: string[] = [];
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = [new Node({ name: "a", snapshot: "ALWAYS", modules: [logged(log, "a")] })];
    await new Agent({ nodes, store, snapshot: "NEVER" }).runTask(newTask());
    log.length = 0;
    const outcome = await new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(await newest(store), {
      signal: AbortSignal.abort("no"),
    });
    expect(outcome.status).toBe("FAILED");
    expect(outcome.task.error).toBe("The run was cancelled: no");
    expect(log).toEqual([]);
  });
});

describe("added nodes", () => {
  const grower = (added: () => Node[]): Node =>
    new Node({ name: "grow", modules: [defineModule({ name: "grow", process: () => ({ status: "success", newNodes: added() }) })] });
  const leaf = (log: string[]): Node => new Node({ name: "leaf", snapshot: "ALWAYS", modules: [logged(log, "leaf")] });

  it("are restored from `dynamicNodes`", async () => {
    const log: string[] = [];
    const store = new MemoryStore({ keep: 10_000 });
    const first = new Agent({ nodes: [grower(() => [leaf(log)])], store, snapshot: "NEVER" });
    const end = endOf(first, await first.runTask(newTask()));
    const second = new Agent({ nodes: [grower(() => [leaf(log)])], store, dynamicNodes: [leaf(log)] });
    expect(endOf(second, await second.runFromSnapshot(await newest(store)))).toEqual(end);
    expect(log).toEqual(["leaf.1.1", "leaf.1.1"]);
  });

  it("are made anew by a function, from their names and those of who added them, nested ones too", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = (log: string[]) => [grower(() => [leaf(log)]), new Node({ name: "outer", nodes: [grower(() => [leaf(log)])] })];
    const log: string[] = [];
    const first = new Agent({ nodes: nodes(log), store, snapshot: "NEVER" });
    const end = endOf(first, await first.runTask(newTask()));
    const asked: string[] = [];
    const dynamicNodes = (name: string, addedBy: string) => {
      asked.push(`${name} of ${addedBy}`);
      return name === "leaf" ? leaf(log) : undefined;
    };
    const second = new Agent({ nodes: nodes(log), store, dynamicNodes });
    expect(endOf(second, await second.runFromSnapshot(await newest(store)))).toEqual(end);
    expect(new Set(asked)).toEqual(new Set(["leaf of grow"]));
    const thrower = (): Node => {
      throw new Error("no such node");
    };
    for (const [given, said] of [
      [() => new Node({ name: "other", modules: [logged([], "other")] }), '"leaf" (of "grow")'],
      [thrower, "no such node"],
    ] as const) {
      const restored = new Agent({ nodes: nodes([]), store, dynamicNodes: given }).runFromSnapshot(await newest(store));
      await expect(restored).rejects.toMatchObject({ code: "snapshot-unknown-node", message: expect.stringContaining(said) });
    }
  });

  it("are named by the SnapshotError when they are not known, and the cache stays as it was", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = [grower(() => [leaf([])])];
    await new Agent({ nodes, store, snapshot: "NEVER" }).runTask(newTask());
    const cache = new MemoryCache();
    await cache.set("mine", 1);
    const restored = new Agent({ nodes, store, snapshot: "NEVER", cache }).runFromSnapshot(await newest(store));
    await expect(restored).rejects.toMatchObject({
      name: "SnapshotError",
      code: "snapshot-unknown-node",
      message: expect.stringContaining('"leaf"'),
    });
    expect(await cache.getAll()).toEqual({ mine: 1 });
  });
});

describe("a snapshot that does not fit", () => {
  const node = (name: string, init: Partial<ConstructorParameters<typeof Node>[0]> = {}): Node =>
    new Node({ modules: init.nodes === undefined ? [logged([], name)] : [], ...init, name });
  const graph = (): Node[] => [
    node("a"),
    node("b", { dependencies: ["a"], snapshot: "ALWAYS" }),
    node("nested", { dependencies: ["b"], nodes: [node("x"), node("y", { dependencies: ["x"], snapshot: "ALWAYS" })] }),
  ];

  const stored = async (): Promise<{ store: AlteredStore; before: SnapshotRef; within: SnapshotRef }> => {
    const store = new AlteredStore({ keep: 10_000 });
    await new Agent({ nodes: graph(), store, snapshot: "NEVER" }).runTask(newTask());
    const [before, within] = await snapshotsOf(store, TASK_ID);
    return { store, before: before as SnapshotRef, within: within as SnapshotRef };
  };

  const refused = async (options: AgentOptions, ref: SnapshotRef): Promise<Error & { code: string }> => {
    const cache = new MemoryCache();
    await cache.set("mine", 1);
    await cache.publishToMailbox("inbox", "mine");
    const error: unknown = await new Agent({ ...options, cache }).runFromSnapshot(ref).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: "SnapshotError" });
    expect(await cache.getAll()).toEqual({ mine: 1 });
    expect(await cache.peekMailbox("inbox")).toEqual(["mine"]);
    return error as Error & { code: string };
  };

  const rest = graph().slice(1);
  it.each<[string, Node[], string[]]>([
    ["a removed node", [node("b"), ...graph().slice(2)], ['node "a" of the snapshot is not in the agent\'s graph']],
    [
      "a changed dependency",
      [node("z"), node("a", { dependencies: ["z"] }), ...rest],
      ['node "a" depended on none and depends on "z" now'],
    ],
    [
      "changed modules",
      [new Node({ name: "a", modules: [logged([], "other")] }), ...rest],
      ['node "a" was made of "a" and is made of "other" now'],
    ],
    ["a removed module", [new Node({ name: "a" }), ...rest], ['node "a" was made of "a" and is made of none now']],
    [
      "two differences at once",
      [node("z"), new Node({ name: "a", dependencies: ["z"] }), ...rest],
      ['node "a" depended on none', 'node "a" was made of "a"'],
    ],
  ])("is refused for %s in what it has visited, with what differs", async (_what, nodes, expected) => {
    const { store, before, within } = await stored();
    for (const ref of [before, within]) {
      const { code, message } = await refused({ nodes, store, snapshot: "NEVER" }, ref);
      expect(code).toBe("snapshot-other-graph");
      for (const text of expected) expect(message).toContain(text);
    }
  });

  it.each<[string, Node[]]>([
    ["a removed node", [node("y", { snapshot: "ALWAYS" })]],
    ["a changed dependency", [node("w"), node("x", { dependencies: ["w"] }), node("y", { dependencies: ["x"], snapshot: "ALWAYS" })]],
    ["changed modules", [node("x", { modules: [logged([], "other")] }), node("y", { dependencies: ["x"], snapshot: "ALWAYS" })]],
    ["a graph nested in place of a module", [node("x", { nodes: [node("x")] }), node("y", { dependencies: ["x"], snapshot: "ALWAYS" })]],
  ])("is refused for %s in a nested graph that had begun, and goes on in one that had not", async (_what, inner) => {
    const { store, before, within } = await stored();
    const nodes = [...graph().slice(0, 2), node("nested", { dependencies: ["b"], nodes: inner })];
    const { code, message } = await refused({ nodes, store, snapshot: "NEVER" }, within);
    expect(code).toBe("snapshot-other-graph");
    expect(message).toContain('in "nested": node "x"');
    expect((await new Agent({ nodes, store, snapshot: "NEVER" }).runFromSnapshot(before)).status).toBe("COMPLETE");
  });

  const damages: [string, (parts: Map<string, string>) => void][] = [
    ["no agent", (parts) => parts.delete("agent")],
    ["no task", (parts) => parts.delete("task")],
    ["an agent that is no JSON", (parts) => parts.set("agent", "{")],
    ["an agent that is null", (parts) => parts.set("agent", "null")],
    ["an agent of another shape", (parts) => parts.set("agent", '{"agent":{"context":{}}}')],
    ["an agent in an unknown state", (parts) => parts.set("agent", (parts.get("agent") as string).replace('"executing"', '"dreaming"'))],
    ["no order", (parts) => parts.delete("order")],
    ["an order of fewer nodes", (parts) => parts.set("cells/0", (parts.get("cells/0") as string).replace("[", "[0,"))],
    ["an order that cannot be", (parts) => parts.set("cells/0", (parts.get("cells/0") as string).replace(/\[\d+/, "[2"))],
    ["no cells", (parts) => parts.delete("cells/0")],
    ["a task that is no task", (parts) => parts.set("task", '{"id":1}')],
    ["a task that is null", (parts) => parts.set("task", "null")],
    ["a node that is null", (parts) => parts.set("node/a", "null")],
    ["a node in an unknown state", (parts) => parts.set("node/a", (parts.get("node/a") as string).replace('"COMPLETE"', '"DREAMING"'))],
    ["a node that the graph does not hold", (parts) => parts.set("node/z", parts.get("node/a") as string)],
    ["no picture", (parts) => parts.delete("view")],
    ["a picture without its number", (parts) => parts.set("view", (parts.get("view") as string).replace('"seq":', '"other":'))],
    ["a picture of no graph", (parts) => parts.set("view-graph", '{"nodes":[{"name":"a"}]}')],
    [
      "a picture of a node in an unknown state",
      (parts) => parts.set("view/a", (parts.get("view/a") as string).replace("COMPLETE", "DREAMING")),
    ],
    ["a value that is no JSON", (parts) => parts.set("value/task", "{")],
    ["a value that is null", (parts) => parts.set("value/task", "null")],
    ["a mailbox that is no list", (parts) => parts.set("mailbox/inbox", "1")],
  ];

  it.each(damages)("is refused when it holds %s, and the cache stays as it was", async (_what, damage) => {
    const { store, before } = await stored();
    store.alter = damage;
    expect((await refused({ nodes: graph(), store, snapshot: "NEVER" }, before)).code).toBe("snapshot-damaged");
  });

  it("is refused when the store holds none", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const restored = new Agent({ nodes: graph(), store, snapshot: "NEVER" }).runFromSnapshot("none");
    await expect(restored).rejects.toMatchObject({ name: "RunError", code: "run-not-found", taskId: "none" });
    const { store: other, before } = await stored();
    const ref = { ...before, generation: 1_000 };
    await expect(new Agent({ nodes: graph(), store: other }).runFromSnapshot(ref)).rejects.toMatchObject({
      name: "SnapshotError",
      code: "snapshot-not-found",
      message: expect.stringContaining("no generation 1000; its newest is"),
    });
  });
});
