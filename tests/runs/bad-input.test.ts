/** What is no option, no task and no run is refused by a class and a code, in words that name what was expected and what came. */
import {
  Agent,
  AsimovError,
  FileStore,
  MemoryCache,
  MemoryStore,
  RunError,
  type RunStore,
  type RunStoreSettings,
  Runs,
  SnapshotError,
  Task,
} from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { beforeAll, describe, expect, it } from "vitest";
import { aborted, failing, nodeOf } from "../run/support.ts";
import { all } from "./stores.ts";

const STORES: [name: string, make: (options: object) => RunStore][] = [
  ["MemoryStore", (options) => new MemoryStore(options)],
  ["FileStore", (options) => new FileStore(options)],
  ["SqliteStore", (options) => new SqliteStore({ file: "never-opened.db", ...options })],
];

/** What was thrown, at once or later. */
async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

type Case = [what: string, options: object, words: RegExp];

describe.each(STORES)("%s", (name, make) => {
  it.each<Case>([
    ["an unknown option", { keeep: 5 }, /keeep/],
    ["a count that is text", { keep: "5" }, /keep: .*expected (?:int|number).*received string/i],
    ["a count of none", { keep: 0 }, /keep: .*>=1/],
    ["a count that is not whole", { keepEvents: 1.5 }, /keepEvents: .*int/],
    ["a size below zero", { maxPartBytes: -1 }, /maxPartBytes: .*>=1/],
    ["a time without end", { retainMs: Number.POSITIVE_INFINITY }, /retainMs: .*expected (?:int|number)/i],
    ["half a codec", { codec: { encode: () => new Uint8Array() } }, /codec: expected an object with the functions encode and decode/],
    ["a clock that tells no time", { clock: {} }, /clock: expected a Clock/],
  ])("refuses %s", async (_what, options, words) => {
    const error = await thrownBy(() => make(options));
    expect(error).toBeInstanceOf(AsimovError);
    expect(error).toMatchObject({ code: "invalid-options", message: expect.stringMatching(words) });
    expect((error as Error).message).toContain(name);
  });

  it("names every fault at once", () => {
    expect(() => make({ keep: 0, keepEvents: "x", more: 1 })).toThrow(/(?=.*keep: )(?=.*keepEvents: )(?=.*more)/);
  });
});

it.each<[name: string, make: (path: string) => RunStore]>([
  ["FileStore", (dir) => new FileStore({ dir })],
  ["SqliteStore", (file) => new SqliteStore({ file })],
])("%s refuses a place that no system takes, for which it would wait for ever", (name, make) => {
  for (const [path, words] of [
    ["", /character/],
    ["a\0b", /NUL/],
  ] as const) {
    expect(() => make(path)).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(words) }));
    expect(() => make(path)).toThrow(name);
  }
});

/** As it may be where no compiler looks. */
class HalfStore extends MemoryStore {
  override commit = undefined as never;
  override endTold = undefined as never;
}
class BareStore extends MemoryStore {
  override settings = { keep: 5 } as RunStoreSettings;
}

const node = nodeOf("a");
const task = (id?: string): Task => new Task({ type: "test", objective: "Be refused", ...(id === undefined ? {} : { id }) });

describe("the verbs of an agent and of runs", () => {
  const store = new MemoryStore();
  const agent = new Agent({ name: "strict", store, nodes: [node] });
  const runs = new Runs(store);

  beforeAll(async () => {
    await agent.runTask(task("ended"));
    await new Agent({ name: "strict", store, nodes: [failing("a")] }).runTask(task("failed"));
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const stuck = nodeOf("a", [], async ({ signal }) => {
      begin();
      await aborted(signal);
    });
    const open = new Agent({ name: "strict", store, nodes: [stuck] }).start(task("open"));
    await begun;
    await open.park();
    await open.outcome.catch(() => {});
  });

  const invalid: [what: string, work: () => unknown, words: RegExp][] = [
    ["new Agent, an unknown option", () => new Agent({ node: [] } as never), /Agent: .*node/],
    [
      "new Agent, a store that is none",
      () => new Agent({ store: {} } as never),
      /store: expected a RunStore.*got Object, which lacks .*create/,
    ],
    ["new Agent, a path as a store", () => new Agent({ store: "runs.db" } as never), /store: expected a RunStore.*got string\.$/],
    ["new Agent, null as a store", () => new Agent({ store: null } as never), /store: expected a RunStore.*got null\.$/],
    [
      "new Agent, a cache as a store",
      () => new Agent({ store: new MemoryCache() } as never),
      /expected a RunStore.*got MemoryCache, which lacks/,
    ],
    [
      "new Agent, another's object",
      () => new Agent({ store: { ...store } } as never),
      /expected a RunStore, which is of a class that extends it/,
    ],
    [
      "new Agent, half a store",
      () => new Agent({ store: new HalfStore() }),
      /got HalfStore, which lacks the function commit, the function endTold\.$/,
    ],
    [
      "new Agent, a store without settings",
      () => new Agent({ store: new BareStore() }),
      /lacks .*settings\.maxPartBytes, settings\.keepEvents, settings\.retainMs\.$/,
    ],
    ["new Agent, another snapshot", () => new Agent({ snapshot: "SOMETIMES" } as never), /snapshot: .*"ALWAYS"/],
    ["new Agent, another durability", () => new Agent({ durability: "fast" } as never), /durability: .*"sync"\|"async"/],
    ["new Agent, a short lease", () => new Agent({ leaseMs: 1 }), /leaseMs: .*>=100/],
    ["new Agent, migrate", () => new Agent({ migrate: {} } as never), /migrate: expected a function/],
    ["start, no task", () => agent.start({} as never), /start: expected a Task, got object/],
    ["start, an unknown option", () => agent.start(task(), { vlaues: {} } as never), /start: .*vlaues/],
    ["start, a deadline of text", () => agent.start(task(), { deadlineMs: "1 h" } as never), /deadlineMs: .*received string/],
    ["start, ifExists", () => agent.start(task(), { ifExists: "replace" } as never), /ifExists: .*"refuse"\|"attach"/],
    ["start, a signal that is none", () => agent.start(task(), { signal: {} } as never), /signal: expected an AbortSignal/],
    ["resume, an unknown option", () => agent.resume("open", { takeover: true } as never), /resume: .*takeover/],
    ["resume, takeOver", () => agent.resume("open", { takeOver: 1 } as never), /takeOver: .*boolean.*received number/],
    ["resumeAll, onRefused", () => all(agent.resumeAll({ onRefused: 1 } as never)), /onRefused: expected a function/],
    ["retry, other keys", () => agent.retry("failed", { keys: "old" } as never), /keys: .*"same"\|"new"/],
    ["retry, nodes", () => agent.retry("failed", { nodes: "a" } as never), /nodes: .*array.*received string/],
    ["fork, a generation of none", () => agent.fork("ended", { generation: 0 }), /generation: .*>=1/],
    ["fork, values that are no object", () => agent.fork("ended", { values: [] } as never), /values/],
    ["fork, an unknown option", () => agent.fork("ended", { from: 1 } as never), /fork: .*from/],
    ["new Runs, no store", () => new Runs("runs.db" as never), /Runs: .*expected a RunStore/],
    ["new Runs, half a store", () => new Runs(new HalfStore()), /Runs: .*HalfStore, which lacks the function commit/],
    ["new Runs, no time to answer", () => new Runs(store, { effectTimeoutMs: 0 }), /Runs: effectTimeoutMs: .*>=1/],
    ["new Runs, an unknown option", () => new Runs(store, { queue: 1 } as never), /Runs: .*queue/],
    ["find, another status", () => all(runs.find({ status: "DONE" } as never)), /status: .*/],
    ["find, a date of text", () => all(runs.find({ updatedBefore: "now" } as never)), /updatedBefore: expected a Date/],
    ["find, a limit of none", () => all(runs.find({ limit: 0 })), /limit: .*>=1/],
    ["find, labels", () => all(runs.find({ labels: { a: 1 } } as never)), /labels\.a: .*string.*received number/],
    ["events, from none", () => all(runs.events("ended", { from: 0 })), /from: .*>=1/],
    ["watch, an unknown option", () => all(runs.watch("ended", { from: 1 } as never)), /watch: .*from/],
    ["send, an unknown option", () => runs.send("open", "news", 1, { key: 1 } as never), /send: .*key/],
    ["value, a path of text", () => runs.value("ended", "values.a" as never), /value: .*array.*received string/],
    ["value, a path to nowhere", () => runs.value("ended", ["results", "a"]), /value: expected a path such as .*got \["results","a"\]/],
    ["at, a generation of text", () => runs.at("ended", "1" as never), /at: generation: expected a whole number of at least 1, got string/],
    ["prune, keep", () => runs.prune({ keep: -1 }), /keep: .*>=0/],
    ["prune, nothing", () => runs.prune(undefined as never), /prune: .*object.*received undefined/],
    ["get, no id", () => runs.get(7 as never), /task id.*expected a string.*got/i],
    ["cancel, no id", () => runs.cancel(undefined as never), /task id.*expected a string.*got/i],
    ["cancel, a reason that is no text", () => runs.cancel("open", 7 as never), /cancel: the reason: expected a string, got 7/],
    ["resume, no id", () => agent.resume({} as never), /task id.*expected a string.*got/i],
    ["retry, no id", () => agent.retry(null as never), /task id.*expected a string.*got/i],
    ["fork, no id", () => agent.fork(1 as never), /task id.*expected a string.*got/i],
    ["startFromSnapshot, nothing", () => agent.startFromSnapshot(null as never), /A snapshot: expected a task's id/],
    ["startFromSnapshot, no id", () => agent.startFromSnapshot({} as never), /task id.*expected a string.*got undefined/i],
    [
      "startFromSnapshot, a generation",
      () => agent.startFromSnapshot({ taskId: "open", generation: "1" as never }),
      /generation: .*got string/,
    ],
    ["remove, no id", () => runs.remove(1 as never), /task id.*expected a string.*got/i],
  ];

  it.each(invalid)("refuse as invalid-options: %s", async (_what, work, words) => {
    const error = await thrownBy(work);
    expect(error).toBeInstanceOf(AsimovError);
    expect(error).toMatchObject({ code: "invalid-options", message: expect.stringMatching(words) });
  });

  const other: [what: string, work: () => unknown, kind: typeof AsimovError, code: string, words: RegExp][] = [
    ["resume of nobody", () => agent.resume("nobody"), RunError as never, "run-not-found", /no run nobody/],
    [
      "resume by an agent of another name",
      () => new Agent({ name: "other", store, nodes: [node] }).resume("open"),
      RunError as never,
      "run-other-agent",
      /of agent "strict", and this agent is "other"/,
    ],
    [
      "resume by an agent without a name",
      () => new Agent({ store, nodes: [node] }).resume("open"),
      RunError as never,
      "run-other-agent",
      /of agent "strict", and this agent is "agent", the name of those that were given none/,
    ],
    [
      "a snapshot of another agent",
      () => new Agent({ name: "other", store, nodes: [node] }).startFromSnapshot({ taskId: "ended", generation: 1 }),
      RunError as never,
      "run-other-agent",
      /"strict".*"other"/,
    ],
    [
      "retry by an agent of another name",
      () => new Agent({ name: "other", store, nodes: [node] }).retry("failed"),
      RunError as never,
      "run-other-agent",
      /"strict".*"other"/,
    ],
    [
      "attach by an agent of another name, to what goes on",
      () => new Agent({ name: "other", store, nodes: [node] }).runTask(task("open"), { ifExists: "attach" }),
      RunError as never,
      "run-other-agent",
      /"strict".*"other"/,
    ],
    [
      "attach by an agent of another name, to what has ended",
      () => new Agent({ name: "other", store, nodes: [node] }).runTask(task("ended"), { ifExists: "attach" }),
      RunError as never,
      "run-other-agent",
      /"strict".*"other"/,
    ],
    ["retry of nobody", () => agent.retry("nobody"), RunError as never, "run-not-found", /nobody/],
    ["fork of nobody", () => agent.fork("nobody"), RunError as never, "run-not-found", /nobody/],
    ["resume of what has ended", () => agent.resume("ended"), RunError as never, "run-ended", /ended has ended as COMPLETE/],
    ["retry of what is whole", () => agent.retry("ended"), RunError as never, "run-ended", /COMPLETE.*nothing of it failed.*fork/],
    ["retry of what goes on", () => agent.retry("open"), RunError as never, "run-not-ended", /has not ended.*resume/],
    ["retry of a stranger", () => agent.retry("failed", { nodes: ["x"] }), AsimovError, "unknown-node", /"x".*did not fail.*: a/],
    ["fork, rerun of a stranger", () => agent.fork("ended", { rerun: ["x"] }), AsimovError, "unknown-node", /"x"/],
    ["fork onto another run", () => agent.fork("ended", { taskId: "failed" }), RunError as never, "run-exists", /failed/],
    ["fork, a generation that is not", () => agent.fork("ended", { generation: 99 }), SnapshotError as never, "snapshot-not-found", /99/],
    ["at, a generation that is not", () => runs.at("ended", 99), SnapshotError as never, "snapshot-not-found", /99.*newest is \d/],
    ["send to what has ended", () => runs.send("ended", "news", 1), RunError as never, "run-ended", /ended has ended/],
    ["send, a mailbox without a name", () => runs.send("open", "", 1), AsimovError, "invalid-name", /mailbox/],
    ["send, what is no JSON", () => runs.send("open", "news", 1n), AsimovError, "not-json", /bigint/i],
    ["cancel of what has ended", () => runs.cancel("ended"), RunError as never, "run-ended", /ended/],
    ["value of a node that is not", () => runs.value("ended", ["nodes", "x", "result"]), AsimovError, "unknown-node", /"x"/],
    ["start of what is stored", () => agent.runTask(task("ended")), RunError as never, "run-exists", /ended.*COMPLETE.*resume.*another id/],
    [
      "attach of another task",
      () => agent.runTask(new Task({ id: "ended", type: "test", objective: "Other" }), { ifExists: "attach" }),
      RunError as never,
      "run-differs",
      /objective/,
    ],
    ["resumeAll without a name", () => all(new Agent({ store, nodes: [node] }).resumeAll()), AsimovError, "agent-unnamed", /name/],
  ];

  it.each(other)("refuse %s", async (_what, work, kind, code, words) => {
    const error = await thrownBy(work);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code, message: expect.stringMatching(words) });
  });
});
