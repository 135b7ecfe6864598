/** A tool that needs approval waits for a person as a run does: asked once, over restarts and on every driver, and run once, with what was approved. */
import {
  Agent,
  type AgentOptions,
  type AgentRun,
  ChatRole,
  defineModule,
  defineTool,
  FlowControlModule,
  MemoryStore,
  Node,
  type Question,
  type RunStore,
  Runs,
  Task,
  type Tool,
  type ToolChainOptions,
  type ToolInit,
} from "asimov-agents";
import { ScriptedInferenceClient, SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it, vi } from "vitest";
import { createActor } from "xstate";
import { z } from "zod";
import { all, storesOf } from "../runs/stores.ts";

const HOUR = 3_600_000;
const taskOf = () => new Task({ id: "t", type: "test", objective: "Clean up" });
const ask = [{ role: ChatRole.USER, content: "Clean up." }];
const call = (id: string, path: string, name = "delete_file") => ({ name, id, input: { path } });
const told = ({ lastMessage }: { lastMessage: { text: string } }) => lastMessage.text;

/** What the tools did, over all processes. */
type Log = unknown[];

const deleting = (log: Log, init: Partial<ToolInit<z.ZodObject<{ path: z.ZodString }>>> = {}): Tool =>
  defineTool({
    name: "delete_file",
    description: "Deletes a file",
    input: z.object({ path: z.string() }),
    needsApproval: ({ path }) => path.startsWith("/etc"),
    run: ({ path }, { idempotencyKey }) => {
      log.push(path, idempotencyKey);
      return `deleted ${path}`;
    },
    ...init,
  });

interface Cleaner {
  store?: RunStore;
  clock?: SimulatedClock;
  client: ScriptedInferenceClient;
  tools: Tool[];
  chain?: ToolChainOptions;
  agent?: Partial<AgentOptions>;
  timeoutMs?: number;
}

const cleanBy = (client: ScriptedInferenceClient, tools: Tool[], chain: ToolChainOptions = {}, timeoutMs = 60_000) =>
  defineModule({
    name: "clean",
    config: { timeoutMs },
    process: async ({ signal }) => ({ status: "success", result: (await client.toolChain(ask, tools, { signal, ...chain })).text }),
  });

function cleaning({ store, clock, client, tools, chain = {}, agent = {}, timeoutMs = 60_000 }: Cleaner): Agent {
  const options = { ...(store === undefined ? {} : { store }), ...(clock === undefined ? {} : { clock }) };
  return new Agent({
    name: "cleaner",
    ...options,
    nodes: [new Node({ name: "clean", modules: [cleanBy(client, tools, chain, timeoutMs)] })],
    ...agent,
  });
}

const openOf = async (runs: Runs, count = 1): Promise<Question[]> => {
  const open = await all(runs.questions());
  expect(open).toHaveLength(count);
  return open;
};

describe.each(storesOf())("a tool that needs approval (%s)", (_, make) => {
  const setUp = () => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    return { clock, store, runs: new Runs(store, { clock }), log: [] as Log };
  };
  const asking = (...paths: string[]) => [{ toolCalls: paths.map((path, index) => call(`call-${index + 1}`, path)) }];

  it("is an open question of a parked run, and runs once when it is approved, the model not being asked again", async () => {
    const { clock, store, runs, log } = setUp();
    const first = new ScriptedInferenceClient(asking("/etc/hosts"));
    const parked = await cleaning({ store, clock, client: first, tools: [deleting(log)] }).runTask(taskOf(), { whenWaiting: "park" });
    const [question] = await openOf(runs);
    expect(parked).toEqual({ status: "PARKED", taskId: "t", questions: [question] });
    expect(question).toMatchObject({ kind: "tool-approval", name: "delete_file", node: "clean", path: [], agent: "cleaner" });
    expect(question?.shown).toEqual({
      tool: "delete_file",
      description: "Deletes a file",
      input: { path: "/etc/hosts" },
      inputSchema: expect.objectContaining({ type: "object" }),
      toolUseId: "call-1",
    });
    const view = await runs.get("t");
    expect([view.questions, view.nodes.clean?.waiting]).toEqual([[question], [{ for: "answer", question: question?.id }]]);
    expect(log).toEqual([]);

    for (const wrong of [{ approve: false }, { deny: 1 }, { approve: true, deny: "both" }, "yes"]) {
      await expect(runs.answer(question?.id ?? "", wrong)).rejects.toMatchObject({ code: "answer-invalid" });
    }
    await runs.answer(question?.id ?? "", { approve: true }, { by: "ada" });
    const second = new ScriptedInferenceClient([told]);
    const agent = cleaning({ store, clock, client: second, tools: [deleting(log)] });
    expect(await (await agent.resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { clean: "deleted /etc/hosts" } });
    expect(log).toEqual(["/etc/hosts", expect.stringContaining("t/clean.1/clean")]);
    for (const client of [first, second]) client.assertDone();
    const events = (await all(runs.events("t"))).map(({ type }) => type);
    expect(events.filter((type) => /question|replay/.test(type))).toEqual(["question.opened", "question.closed"]);
    await store.close();
  });

  it("is asked about once over restarts that nobody answers in, by whatever its code says then", async () => {
    const { clock, store, runs, log } = setUp();
    const agent = (client: ScriptedInferenceClient, needsApproval: boolean) =>
      cleaning({ store, clock, client, tools: [deleting(log, { needsApproval: () => needsApproval })] });
    await agent(new ScriptedInferenceClient(asking("/etc/hosts")), true).runTask(taskOf(), { whenWaiting: "park" });
    const [question] = await openOf(runs);
    for (const needs of [true, false]) {
      const parked = await (await agent(new ScriptedInferenceClient([]), needs).resume("t", { whenWaiting: "park" })).outcome;
      expect(parked).toEqual({ status: "PARKED", taskId: "t", questions: [question] });
    }
    await runs.answer(question?.id ?? "", { deny: "" });
    expect(await (await agent(new ScriptedInferenceClient([told]), false).resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
    expect(log).toEqual([]);
    await store.close();
  });

  it("is not run when it is denied, and the model reads why", async () => {
    const { clock, store, runs, log } = setUp();
    await cleaning({ store, clock, client: new ScriptedInferenceClient(asking("/etc/hosts")), tools: [deleting(log)] }).runTask(taskOf(), {
      whenWaiting: "park",
    });
    const [question] = await openOf(runs);
    await runs.answer(question?.id ?? "", { deny: "hosts are needed" });
    const agent = cleaning({ store, clock, client: new ScriptedInferenceClient([told]), tools: [deleting(log)] });
    const { results } = await (await agent.resume("t")).outcome;
    expect(results.clean).toBe('Tool "delete_file" was not run: a person denied it, and said: hosts are needed');
    expect(log).toEqual([]);
    await store.close();
  });

  it("runs with an edited input, through the schema and without another question; what does not fit is asked anew", async () => {
    const { clock, store, runs, log } = setUp();
    const input = z.object({ path: z.string().transform((path) => path.trim()) }) as never;
    const tools = [deleting(log, { input })];
    const agent = (client: ScriptedInferenceClient) => cleaning({ store, clock, client, tools });
    const resume = async (client: ScriptedInferenceClient) => await (await agent(client).resume("t", { whenWaiting: "park" })).outcome;
    await agent(new ScriptedInferenceClient(asking("/etc/hosts"))).runTask(taskOf(), { whenWaiting: "park" });
    const [first] = await openOf(runs);
    await runs.answer(first?.id ?? "", { edit: { path: 7 } });
    expect(await resume(new ScriptedInferenceClient([]))).toMatchObject({ status: "PARKED" });
    const [second] = await openOf(runs);
    expect([second?.id === first?.id, second?.shownHash === first?.shownHash]).toEqual([false, true]);
    expect(second).toMatchObject({ kind: "tool-approval", problem: expect.stringContaining("path") });
    await runs.answer(second?.id ?? "", { edit: { path: " /etc/motd " } });
    const client = new ScriptedInferenceClient([told]);
    expect(await resume(client)).toMatchObject({
      status: "COMPLETE",
      results: {
        clean: 'A person changed the input of this call, and it was run with {"path":" /etc/motd "}. Its result:\ndeleted /etc/motd',
      },
    });
    expect(log[0]).toBe("/etc/motd");
    // The history keeps the call as the model made it.
    expect(JSON.stringify(client.calls[0]?.messages)).toContain('"input":{"path":"/etc/hosts"}');
    await store.close();
  });

  it("leaves the others of its turn going, which are not run again, and parallel calls are answered each for itself", async () => {
    const { clock, store, runs, log } = setUp();
    const agent = (client: ScriptedInferenceClient) =>
      cleaning({ store, clock, client, tools: [deleting(log)], chain: { maxParallelTools: 1 } });
    const resume = async (client: ScriptedInferenceClient) => await (await agent(client).resume("t", { whenWaiting: "park" })).outcome;
    await agent(new ScriptedInferenceClient(asking("/etc/a", "/etc/b", "/tmp/c"))).runTask(taskOf(), { whenWaiting: "park" });
    const open = await openOf(runs, 2);
    const [a, b] = ["/etc/a", "/etc/b"].map((path) => open.find(({ shown }) => (shown as { input: { path: string } }).input.path === path));
    expect(log.filter((_each, index) => index % 2 === 0)).toEqual(["/tmp/c"]);
    await runs.answer(b?.id ?? "", { approve: true });
    expect(await resume(new ScriptedInferenceClient([]))).toEqual({ status: "PARKED", taskId: "t", questions: [a] });
    await runs.answer(a?.id ?? "", { approve: true });
    expect(await resume(new ScriptedInferenceClient([told]))).toMatchObject({
      results: { clean: "deleted /etc/a\ndeleted /etc/b\ndeleted /tmp/c" },
    });
    expect(log.filter((_each, index) => index % 2 === 0)).toEqual(["/tmp/c", "/etc/b", "/etc/a"]);
    await store.close();
  });
});

/** The question that the run opens as the nth. */
async function asked(run: AgentRun, nth: number): Promise<Question> {
  let count = 0;
  for await (const event of run.events({ from: 1 })) if (event.type === "question.opened" && ++count === nth) return event.question;
  throw new Error(`the run ended with ${count} questions`);
}

/** The state of a node's machine. */
const stateOf = (run: { actor: { getSnapshot(): unknown } }, node: string): unknown => {
  const { children } = run.actor.getSnapshot() as {
    children: { nodes: { getSnapshot(): { nodes: Map<string, { getSnapshot(): { value: unknown } }> } } };
  };
  return children.nodes.getSnapshot().nodes.get(node)?.getSnapshot().value;
};

const inputOf = ({ shown }: Question): string => (shown as { input: { path: string } }).input.path;

describe("a chain that waits for approvals", () => {
  const setUp = () => {
    const clock = new SimulatedClock();
    return { clock, store: new MemoryStore({ clock }), log: [] as Log };
  };
  const script = (...calls: { name: string; id: string; input: unknown }[]) => new ScriptedInferenceClient([{ toolCalls: calls }, told]);

  it("costs no permit and no time limit while only that is left, and works as long as another tool does", async () => {
    const { clock, store, log } = setUp();
    const slow = Promise.withResolvers<string>();
    const read = defineTool({ name: "read", description: "Reads", input: {}, run: () => slow.promise });
    const client = script(call("a", "/etc/a"), call("b", "/tmp/b", "read"));
    let others = 0;
    const agent = (): Agent => {
      const other = defineModule({
        name: "other",
        process: async () => {
          others++;
          return { status: "success" };
        },
      });
      const tools = [deleting(log), read];
      const made = cleaning({ store, clock, client, tools, timeoutMs: 1_000, agent: { maxConcurrentTasks: 1 } });
      return made.addNode(new Node({ name: "other", modules: [other] }));
    };
    const run = agent().start(taskOf());
    await clock.advance(900);
    expect(run.view()).toMatchObject({ status: "RUNNING", questions: [{ kind: "tool-approval" }] });
    expect([stateOf(run, "clean"), others]).toEqual([{ EXECUTING: "ordered" }, 0]);
    slow.resolve("contents");
    await clock.advance(HOUR);
    expect([stateOf(run, "clean"), others]).toEqual([{ EXECUTING: "waiting" }, 1]);
    await agent().runs.answer(run.view().questions[0]?.id ?? "", { approve: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { clean: "deleted /etc/a\ncontents" } });
    expect(log[0]).toBe("/etc/a");
  });

  it("is not put down before the other tools of its turn have ended and are kept, so that they do not run again", async () => {
    const { clock, store, log } = setUp();
    const ends = { b: Promise.withResolvers<string>(), c: Promise.withResolvers<string>() };
    const reads: string[] = [];
    const read = defineTool({
      name: "read",
      description: "Reads",
      input: {},
      run(_input, { toolUseId }) {
        reads.push(toolUseId);
        return ends[toolUseId as "b" | "c"].promise;
      },
    });
    const client = script(call("a", "/etc/a"), call("b", "", "read"), call("c", "", "read"));
    const agent = () => cleaning({ store, clock, client, tools: [deleting(log), read] });
    const run = agent().start(taskOf(), { whenWaiting: "park" });
    await clock.advance(1_000);
    expect((await agent().runs.get("t")).status).toBe("RUNNING");

    // While what the first has given is being stored, the second ends.
    const [isWriting, mayWrite] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const commit = store.commit.bind(store);
    vi.spyOn(store, "commit").mockImplementation(async (...given) => {
      isWriting.resolve();
      await mayWrite.promise;
      return await commit(...given);
    });
    ends.b.resolve("b");
    await isWriting.promise;
    ends.c.resolve("c");
    for (let turn = 0; turn < 50; turn++) await undefined;
    mayWrite.resolve();
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "PARKED" });
    await agent().runs.answer((await openOf(agent().runs))[0]?.id ?? "", { approve: true });
    expect(await (await agent().resume("t")).outcome).toMatchObject({ results: { clean: "deleted /etc/a\nb\nc" } });
    expect(reads).toEqual(["b", "c"]);
  });

  it("fails at its time limit where another tool takes longer", async () => {
    const { clock, store, log } = setUp();
    const read = defineTool({ name: "read", description: "Reads", input: {}, run: () => new Promise(() => {}) });
    const client = script(call("a", "/etc/a"), call("b", "/tmp/b", "read"));
    const agent = cleaning({ store, clock, client, tools: [deleting(log), read], timeoutMs: 1_000 });
    const run = agent.start(taskOf());
    await clock.advance(10);
    const outcome = await clock.runUntil(run.outcome);
    expect(outcome.nodes.clean).toMatchObject({ status: "error", error: "Module clean timed out after 1000 ms" });
    expect((await agent.runs.get("t")).questions).toEqual([]);
  });

  it("in a tool of another chain waits as a part of it", async () => {
    const { clock, store, log } = setUp();
    const inner = script(call("x", "/etc/x"), call("y", "/tmp/y"));
    const release = Promise.withResolvers<string>();
    const sweep = defineTool({
      name: "sweep",
      description: "Sweeps",
      input: {},
      run: async (_input, { signal }) => (await inner.toolChain(ask, [deleting(log)], { signal })).text,
    });
    const read = defineTool({ name: "read", description: "Reads", input: {}, run: () => release.promise });
    const client = script({ name: "sweep", id: "a", input: {} }, { name: "read", id: "b", input: {} });
    const tools = [sweep, read];
    const run = cleaning({ store, clock, client, tools }).start(taskOf(), { whenWaiting: "park" });
    await clock.advance(100);
    expect([stateOf(run, "clean"), log[0], run.view().questions.length]).toEqual([{ EXECUTING: "ordered" }, "/tmp/y", 1]);
    release.resolve("contents");
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "PARKED" });
    const agent = cleaning({ store, clock, client, tools });
    await agent.runs.answer((await openOf(agent.runs))[0]?.id ?? "", { approve: true });
    const outcome = await clock.runUntil((await agent.resume("t")).outcome);
    expect(outcome.results).toEqual({ clean: "deleted /etc/x\ndeleted /tmp/y\ncontents" });
    for (const each of [client, inner]) each.assertDone();
    expect(log.filter((_each, index) => index % 2 === 0)).toEqual(["/tmp/y", "/etc/x"]);
  });

  it("in a step goes on within it", async () => {
    const { clock, store, log } = setUp();
    const client = script(call("a", "/etc/a"));
    const agent = () =>
      new Agent({
        name: "cleaner",
        clock,
        store,
        nodes: [
          new Node({
            name: "clean",
            modules: [
              defineModule({
                name: "clean",
                process: async ({ step }) => ({
                  status: "success",
                  result: await step("chain", async () => (await client.toolChain(ask, [deleting(log)])).text),
                }),
              }),
            ],
          }),
        ],
      });
    expect(await agent().runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED" });
    await agent().runs.answer((await openOf(agent().runs))[0]?.id ?? "", { approve: true });
    expect(await (await agent().resume("t")).outcome).toMatchObject({ results: { clean: "deleted /etc/a" } });
    expect(log[1]).toContain("t/clean.1/clean/chain.1/");
  });

  it("goes on in a held run as soon as it is answered, several at once", async () => {
    const { clock, store, log } = setUp();
    const client = script(call("a", "/etc/a"), call("b", "/etc/b"), call("c", "/etc/c"));
    const agent = cleaning({ store, clock, client, tools: [deleting(log)], chain: { maxParallelTools: 2 } });
    const run = agent.start(taskOf());
    await clock.advance(100);
    const open = run.view().questions;
    expect(open.map(inputOf)).toEqual(["/etc/a", "/etc/b", "/etc/c"]);
    await Promise.all(open.map(({ id }) => agent.runs.answer(id, { approve: true })));
    expect(await clock.runUntil(run.outcome)).toMatchObject({ results: { clean: "deleted /etc/a\ndeleted /etc/b\ndeleted /etc/c" } });
  });

  it("is closed with a run that is cancelled", async () => {
    const { clock, store, log } = setUp();
    const agent = cleaning({ store, clock, client: script(call("a", "/etc/a")), tools: [deleting(log)] });
    const run = agent.start(taskOf());
    await clock.advance(100);
    const { id } = (await openOf(agent.runs))[0] as Question;
    expect(await clock.runUntil(run.cancel("enough"))).toMatchObject({ status: "FAILED" });
    expect(await all(agent.runs.questions())).toEqual([]);
    await expect(agent.runs.answer(id, { approve: true })).rejects.toMatchObject({ code: "question-closed" });
    expect(log).toEqual([]);
  });

  it("is withdrawn by a jump to what its node depends on, and asks anew", async () => {
    const log: Log = [];
    const store = new MemoryStore();
    const goOn = Promise.withResolvers<void>();
    const client = new ScriptedInferenceClient([{ toolCalls: [call("a", "/etc/a")] }, { toolCalls: [call("a", "/etc/a")] }, told]);
    const runs = new Runs(store);
    const draft = defineModule({
      name: "draft",
      process: async ({ values }) => ({ status: "success", result: await values.increment("rounds") }),
    });
    const wait = defineModule({
      name: "wait",
      process: async () => {
        await goOn.promise;
        return { status: "success" };
      },
    });
    const again = new FlowControlModule({ name: "again", flowConfig: { decisions: [{ nextNode: "draft", condition: "rounds < 2" }] } });
    const nodes = [
      new Node({ name: "draft", modules: [draft] }),
      new Node({ name: "clean", modules: [cleanBy(client, [deleting(log)])], dependencies: ["draft"] }),
      new Node({ name: "again", modules: [wait, again], dependencies: ["draft"] }),
    ];
    const run = new Agent({ name: "jumping", store, nodes }).start(taskOf());
    const first = await asked(run, 1);
    goOn.resolve();
    const second = await asked(run, 2);
    expect([second.id === first.id, run.view().nodes.clean]).toMatchObject([false, { status: "EXECUTING", visit: 2 }]);
    await expect(runs.answer(first.id, { approve: true })).rejects.toMatchObject({ code: "question-closed" });
    await runs.answer(second.id, { approve: true });
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { clean: "deleted /etc/a" } });
    expect(log).toHaveLength(2);
  });

  it("keeps what was decided over the attempts of its module, and tells of nothing unused", async () => {
    const { clock, store, log } = setUp();
    let fails = 1;
    const client = script(call("a", "/etc/a"));
    const clean = defineModule({
      name: "clean",
      process: async ({ signal }) => {
        const { text } = await client.toolChain(ask, [deleting(log)], { signal });
        if (fails-- > 0) throw new Error("once");
        return { status: "success", result: text };
      },
    });
    const agent = new Agent({ clock, store, nodes: [new Node({ name: "clean", modules: [clean] })] });
    const run = agent.start(taskOf());
    await clock.advance(100);
    await agent.runs.answer((await openOf(agent.runs))[0]?.id ?? "", { approve: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { clean: "deleted /etc/a" } });
    expect(log).toHaveLength(2);
    expect((await all(agent.runs.events("t"))).filter(({ type }) => type === "replay.unused")).toEqual([]);
  });

  it("asks anew where another input comes under the same name of a call", async () => {
    const { clock, store, log } = setUp();
    const agent = (path: string) => {
      const client = script(call("a", path));
      // A place that keeps nothing: the model is asked again.
      const chain = { checkpoint: { load: async () => undefined, save: async () => {} }, idempotencyKey: "same" };
      return cleaning({ store, clock, client, tools: [deleting(log)], chain });
    };
    await agent("/etc/a").runTask(taskOf(), { whenWaiting: "park" });
    const { runs } = agent("");
    await runs.answer((await openOf(runs))[0]?.id ?? "", { approve: true });
    expect(await (await agent("/etc/other").resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ status: "PARKED" });
    expect([log, (await openOf(runs)).map(inputOf)]).toEqual([[], ["/etc/other"]]);
  });

  it("is answered through the actor where a machine embeds its agent", async () => {
    const { log } = setUp();
    const agent = cleaning({ client: script(call("a", "/etc/a")), tools: [deleting(log)] });
    const actor = createActor(agent.logic, { input: { task: taskOf() } });
    const told: Question[] = [];
    actor.on("question.opened", ({ question }) => {
      told.push(question);
      const edit = told.length === 1 ? 7 : { path: "/etc/b" };
      queueMicrotask(() => actor.send({ type: "question.answer", id: question.id, value: { edit } }));
    });
    actor.on("question.reopened", ({ question }) => {
      told.push(question);
      queueMicrotask(() => actor.send({ type: "question.answer", id: question.id, value: { edit: { path: "/etc/b" } } }));
    });
    const ended = new Promise<{ status: string }>((resolve) =>
      actor.subscribe({ complete: () => resolve(actor.getSnapshot().output as never) }),
    );
    actor.start();
    expect(await ended).toMatchObject({ status: "COMPLETE" });
    expect([log[0], told[1]?.problem]).toEqual(["/etc/b", expect.stringContaining("does not fit the schema of tool")]);
  });
});
