/** An agent as a server of the protocol, asked by the public client. */
import { Client, type ClientOptions, InMemoryTransport } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { Agent, ChatRole, defineModule, defineQuestion, defineTool, MemoryStore, Node, type NodeInit, Runs, Task } from "asimov-agents";
import { type McpAgentServer, type McpServeOptions, mcpTools, serveMcp } from "asimov-agents/mcp";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

type Work = Parameters<typeof defineModule>[0]["process"];

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const nodeOf = (name: string, process: Work, init: Partial<NodeInit> = {}) =>
  new Node({ name, modules: [defineModule({ name, process })], nodeConfig: { retryOnFailure: false }, ...init });
const giving =
  (result: unknown): Work =>
  async () => ({ status: "success", result });

async function clientOf(
  served: McpAgentServer,
  options: ClientOptions = {},
  prepare: (client: Client) => void = () => {},
): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await served.connect(theirs);
  const client = new Client({ name: "tester", version: "1" }, options);
  prepare(client);
  await client.connect(ours);
  open.push(() => client.close());
  return client;
}

async function serve(agent: Agent, options: McpServeOptions = {}): Promise<{ served: McpAgentServer; client: Client }> {
  const served = await serveMcp(agent, options);
  open.push(() => served.close());
  return { served, client: await clientOf(served) };
}

const ask = (client: Client, args: Record<string, unknown> = { objective: "Go" }, name = "run_task", options = {}) =>
  client.callTool({ name, arguments: args }, options);
const textOf = ({ content }: Awaited<ReturnType<typeof ask>>): string => content.map((part) => ("text" in part ? part.text : "")).join("");

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A module that begins, and goes on when it is told, or ends with its signal. */
function held() {
  const begun = Promise.withResolvers<AbortSignal>();
  const release = Promise.withResolvers<void>();
  const work: Work = async ({ signal }) => {
    begun.resolve(signal);
    const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    await Promise.race([release.promise, aborted]);
    return { status: "success", result: "done" };
  };
  return { work, begun: begun.promise, release: release.resolve };
}

describe("an agent that is served", () => {
  it("is a tool, whose input is an objective and the params of its schema", async () => {
    const agent = new Agent({ nodes: [nodeOf("a", giving(1))] });
    const { client } = await serve(agent, {
      name: "report",
      description: "Writes a report",
      params: z.object({ pages: z.int(), topic: z.string().optional() }),
      server: { name: "reports", version: "2" },
    });
    expect(client.getServerVersion()).toMatchObject({ name: "reports", version: "2" });
    const { tools } = await client.listTools();
    expect(tools.map(({ name, description }) => [name, description])).toEqual([["report", "Writes a report"]]);
    expect(tools[0]?.inputSchema).toMatchObject({
      properties: { objective: { type: "string" }, params: { required: ["pages"], properties: { pages: { type: "integer" } } } },
      required: ["objective", "params"],
    });
  });

  it("gives what the task gave, as text and as data", async () => {
    const agent = new Agent({
      nodes: [
        nodeOf("a", async ({ task }) => ({
          status: "success",
          result: { said: task.objective, pages: task.params.pages, type: task.type },
        })),
      ],
    });
    const { client } = await serve(agent, { params: z.object({ pages: z.int().default(3) }), type: "report" });
    const result = await ask(client, { objective: "Saturn" });
    const expected = { said: "Saturn", pages: 3, type: "report" };
    expect(JSON.parse(textOf(result))).toEqual(expected);
    expect(result).toMatchObject({
      structuredContent: { status: "COMPLETE", result: expected, taskId: expect.stringMatching(/^[\da-f-]{36}$/) },
    });
    expect(result.isError).toBeUndefined();
  });

  it("gives a text as it is, and says so where there is nothing to give", async () => {
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving("Hello"))] }));
    expect(textOf(await ask(client))).toBe("Hello");
    const { client: other } = await serve(new Agent({ nodes: [nodeOf("a", giving(undefined))] }));
    expect(textOf(await ask(other))).toBe("Done.");
  });

  it.each<[Record<string, unknown>, string]>([
    [{}, "objective"],
    [{ objective: "Go", params: { pages: "three" } }, "pages"],
    [{ objective: "Go", more: 1 }, "more"],
  ])("refuses %j, and says what is wrong", async (args, fault) => {
    const agent = new Agent({ nodes: [nodeOf("a", giving(1))] });
    const { client } = await serve(agent, { params: z.object({ pages: z.int().default(3) }) });
    const result = await ask(client, args);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(fault);
  });

  it.each([
    ["text", "a string"],
    [[1], "an array"],
    [null, "null"],
    [7, "a number"],
  ])("refuses params that are no object, and runs nothing: %j", async (params, came) => {
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "strict", store, nodes: [nodeOf("a", giving(1))] }));
    const result = await ask(client, { objective: "Go", params });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(`params: expected an object, got ${came}`);
    expect(await all(new Runs(store).find())).toEqual([]);
  });

  it("refuses what its schema makes no object of, and says whose fault that is", async () => {
    const params = z.object({ pages: z.int().default(3) }).transform(({ pages }) => pages);
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving(1))] }), { params });
    const result = await ask(client, { objective: "Go" });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain("the schema of this tool makes a number of it");
  });

  it.each([
    ["string", z.string()],
    ["array", { type: "array" }],
    ["null", { type: ["null", "string"] }],
  ])("is not served by a schema that takes no object: %s", async (type, params) => {
    await expect(serveMcp(new Agent(), { params })).rejects.toMatchObject({
      code: "invalid-schema",
      message: expect.stringMatching(new RegExp(`params: expected a schema of an object.*${type}`)),
    });
  });

  it("takes a schema that names parts of itself", async () => {
    const tree = {
      $ref: "#/$defs/tree",
      $defs: { tree: { type: "object", properties: { next: { $ref: "#/$defs/tree" } }, required: ["next"] } },
    };
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving("ok"))] }), { params: tree });
    const { tools } = await client.listTools();
    expect(tools[0]?.inputSchema.properties?.params).toMatchObject({ $ref: "#/properties/params/$defs/tree" });
    expect((await ask(client, { objective: "Go", params: { next: {} } })).isError).toBe(true);
  });

  it("tells of a task that failed by a result that is an error, with its id and without secrets", async () => {
    const agent = new Agent({
      nodes: [nodeOf("a", async () => ({ status: "error", error: "no access with sk-planted-0123456789" }))],
    });
    const { client } = await serve(agent);
    const result = await ask(client);
    expect(result).toMatchObject({ isError: true, structuredContent: { status: "FAILED", error: expect.stringContaining("no access") } });
    expect(textOf(result)).toContain("failed");
    expect(JSON.stringify(result)).not.toContain("planted");
  });

  it("gives what is there of a task that is PARTIAL, and says what is not", async () => {
    const agent = new Agent({
      nodes: [nodeOf("good", giving("here")), nodeOf("bad", async () => ({ status: "error", error: "out of paper" }))],
    });
    const { client } = await serve(agent);
    const result = await ask(client);
    expect(result.isError).toBeUndefined();
    expect(result.structuredContent).toMatchObject({ status: "PARTIAL", result: { good: "here" } });
    expect(textOf(result)).toContain("here");
    expect(textOf(result)).toContain("out of paper");
  });

  it("tells of a run that cannot start by an error, too", async () => {
    const agent = new Agent({ nodes: [nodeOf("a", giving(1), { dependencies: ["nobody"] })] });
    const { client } = await serve(agent);
    expect(await ask(client)).toMatchObject({ isError: true, structuredContent: { code: expect.stringContaining("graph-") } });
  });

  it("cuts a result that is too large, and says so", async () => {
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving("x".repeat(500)))] }), { maxResultChars: 100 });
    const result = await ask(client);
    expect(textOf(result)).toContain("500 characters, of which 100 are shown");
    expect(result.structuredContent).toMatchObject({ status: "COMPLETE", resultChars: 500 });
    expect(result.structuredContent).not.toHaveProperty("result");
  });

  it("leaves a text whole that is too large as JSON alone", async () => {
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving("x".repeat(100)))] }), { maxResultChars: 100 });
    const result = await ask(client);
    expect(textOf(result)).toBe("x".repeat(100));
    expect(result.structuredContent).toMatchObject({ resultChars: 100 });
  });

  it("keeps nothing of a transport that cannot be started", async () => {
    const { served } = await serve(new Agent({ nodes: [nodeOf("a", giving(1))] }));
    let closes = 0;
    const broken = {
      start: () => Promise.reject(new Error("port taken")),
      send: () => Promise.resolve(),
      close: async () => {
        closes += 1;
      },
    };
    await expect(served.connect(broken)).rejects.toThrow("port taken");
    const before = closes;
    await served.close();
    expect(closes).toBe(before);
  });

  it("serves calls and clients at once", async () => {
    const works = [held(), held()];
    let next = 0;
    const agent = new Agent({ nodes: [nodeOf("a", (context) => (works[next++] as ReturnType<typeof held>).work(context))] });
    const { served, client } = await serve(agent);
    const other = await clientOf(served);
    const first = ask(client);
    await works[0]?.begun;
    const second = ask(other);
    await works[1]?.begun;
    works[1]?.release();
    expect(textOf(await second)).toBe("done");
    works[0]?.release();
    expect(textOf(await first)).toBe("done");
  });

  it("is a tool of ours again", async () => {
    const { client } = await serve(new Agent({ nodes: [nodeOf("a", giving("from afar"))] }), { name: "far" });
    const [tool] = await mcpTools(client);
    const context = { signal: new AbortController().signal, toolUseId: "t", idempotencyKey: "k", emit: () => {}, stop: () => {} };
    expect(await tool?.run({ objective: "Go" }, context)).toBe("from afar");
  });

  it("is added to a server of one's own, beside its tools", async () => {
    const served = await serveMcp(new Agent({ nodes: [nodeOf("a", giving("mine"))] }), { name: "agent" });
    const server = new McpServer({ name: "own", version: "1" });
    server.registerTool("ping", { inputSchema: z.object({}) }, async () => ({ content: [{ type: "text", text: "pong" }] }));
    served.addTo(server);
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await server.connect(theirs);
    const client = new Client({ name: "tester", version: "1" });
    await client.connect(ours);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["ping", "agent"]);
    expect(textOf(await ask(client, { objective: "Go" }, "agent"))).toBe("mine");
    await client.close();
  });

  it.each<[unknown, unknown, string]>([
    [{}, {}, "start"],
    [null, {}, "start"],
    [new Agent(), { name: "two words" }, "name"],
    [new Agent(), { transport: {} }, "transport"],
    [new Agent(), { whenWaiting: "never" }, "whenWaiting"],
    [new Agent(), { naem: "x" }, "naem"],
  ])("is refused where it, or an option, is none: %#", async (agent, options, fault) => {
    const error = await serveMcp(agent as Agent, options as McpServeOptions).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid-options", message: expect.stringContaining(fault) });
  });
});

describe("progress of a run that is served", () => {
  const watched = async (client: Client): Promise<{ progress: number; total?: number | undefined; message?: string | undefined }[]> => {
    const told: { progress: number; total?: number | undefined; message?: string | undefined }[] = [];
    await ask(client, { objective: "Go" }, "run_task", { onprogress: (notice: (typeof told)[number]) => told.push(notice) });
    // A notice is taken a moment after the answer that came with it.
    await client.ping();
    return told;
  };

  it("counts nodes that have settled, tells in words, and only grows", async () => {
    const agent = new Agent({
      nodes: [
        nodeOf("a", async ({ emit }) => {
          emit({ type: "page", message: "page 1" });
          return { status: "success" };
        }),
        nodeOf("b", giving(1), { dependencies: ["a"] }),
      ],
    });
    const release = Promise.withResolvers<void>();
    agent.addNode(
      nodeOf(
        "last",
        async () => {
          await release.promise;
          return { status: "success" };
        },
        { dependencies: ["b"] },
      ),
    );
    const { client } = await serve(agent);
    const told: { progress: number; total?: number | undefined; message?: string | undefined }[] = [];
    await ask(client, { objective: "Go" }, "run_task", {
      onprogress: (notice: (typeof told)[number]) => {
        told.push(notice);
        if (notice.message === "last started") release.resolve();
      },
    });
    const words = told.map(({ message }) => message);
    expect(words.slice(0, 7)).toEqual([
      expect.stringMatching(/^task .+ started$/),
      "a started",
      "page 1",
      "a done",
      "b started",
      "b done",
      "last started",
    ]);
    expect(new Set(told.map(({ total }) => total))).toEqual(new Set([3]));
    const counts = told.map(({ progress }) => progress);
    expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    expect(new Set(counts).size).toBe(counts.length);
    expect(told.find(({ message }) => message === "b done")?.progress).toBe(2);
  });

  it("is what the option says, and nothing where that throws", async () => {
    const agent = new Agent({ nodes: [nodeOf("a", giving(1)), nodeOf("b", giving(1), { dependencies: ["a"] })] });
    const { client } = await serve(agent, {
      progress: (event) => {
        if (event.type === "run.ended") throw new Error("no words");
        return event.type === "node.started" ? `now ${event.node}` : undefined;
      },
    });
    const told = await watched(client);
    expect(told.map(({ message }) => message)).toEqual(expect.arrayContaining(["now a", "now b"]));
    expect(told.map(({ message }) => message).filter((message) => message !== undefined && !message.startsWith("now"))).toEqual([]);
  });
});

describe("a call that ends early", () => {
  it("because its client is gone parks its run once, also where questions would be put to a user", async () => {
    const store = new MemoryStore();
    const begun = Promise.withResolvers<void>();
    let starts = 0;
    const work: Work = async ({ signal }) => {
      starts += 1;
      begun.resolve();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
      return { status: "success" };
    };
    const options: McpServeOptions = { onDisconnect: "park", elicit: () => true };
    const { served, client } = await serve(new Agent({ name: "left", store, nodes: [nodeOf("a", work)] }), options);
    const call = ask(client).catch((error: unknown) => error);
    await begun.promise;
    await client.close();
    await call;
    await served.close();
    expect(starts).toBe(1);
    expect((await all(new Runs(store).find())).map(({ status }) => status)).toEqual(["READY"]);
  });

  it("cancels its run, with what the client says", async () => {
    const { work, begun } = held();
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "cancelled", store, nodes: [nodeOf("a", work)] }));
    const controller = new AbortController();
    const call = ask(client, { objective: "Go" }, "run_task", { signal: controller.signal }).catch((error: unknown) => error);
    const signal = await begun;
    controller.abort("changed my mind");
    await call;
    await expect.poll(() => signal.aborted).toBe(true);
    const runs = new Runs(store);
    await expect.poll(async () => (await all(runs.find())).map(({ status }) => status)).toEqual(["CANCELLED"]);
    const [run] = await all(runs.find());
    expect(JSON.stringify(run?.errors)).toContain("changed my mind");
  });

  it.each([
    ["cancel", "CANCELLED"],
    ["park", "READY"],
  ] as const)("because its client is gone leaves its run as onDisconnect says: %s", async (onDisconnect, status) => {
    const { work, begun } = held();
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "left", store, nodes: [nodeOf("a", work)] }), { onDisconnect });
    const call = ask(client).catch((error: unknown) => error);
    await begun;
    await client.close();
    await call;
    await expect.poll(async () => (await all(new Runs(store).find())).map((run) => run.status)).toEqual([status]);
  });

  it("lets its run go on where that is asked for, to be found by its id", async () => {
    const { work, begun, release } = held();
    const agent = new Agent({ name: "going", store: new MemoryStore(), nodes: [nodeOf("a", work)] });
    const { served, client } = await serve(agent, { onDisconnect: "continue" });
    let taskId = "";
    const onprogress = ({ message = "" }): void => {
      taskId ||= /task (\S+) started/.exec(message)?.[1] ?? "";
    };
    const call = ask(client, { objective: "Go" }, "run_task", { onprogress }).catch((error: unknown) => error);
    await begun;
    await expect.poll(() => taskId).not.toBe("");
    await client.close();
    await call;
    const again = await clientOf(served);
    const resumed = ask(again, { taskId }, "run_task_resume");
    release();
    expect(await resumed).toMatchObject({ structuredContent: { taskId, status: "COMPLETE", result: "done" } });
    // It has ended: what it gave is told once more.
    expect(await ask(again, { taskId }, "run_task_resume")).toMatchObject({ structuredContent: { status: "COMPLETE", result: "done" } });
  });

  it.each([["cancel"], ["park"]] as const)("by close, which waits until no run is left, and tells the client: %s", async (onDisconnect) => {
    const { work, begun } = held();
    const store = new MemoryStore();
    const { served, client } = await serve(new Agent({ name: "closed", store, nodes: [nodeOf("a", work)] }), { onDisconnect });
    const call = ask(client);
    const signal = await begun;
    await Promise.all([served.close(), served.close()]);
    expect(signal.aborted).toBe(true);
    const [run] = await all(new Runs(store).find());
    expect(run?.status).toBe(onDisconnect === "cancel" ? "CANCELLED" : "READY");
    const told = await call;
    expect(told.structuredContent).toMatchObject({ taskId: run?.taskId, status: onDisconnect === "cancel" ? "FAILED" : "PARKED" });
    const [, theirs] = InMemoryTransport.createLinkedPair();
    await expect(served.connect(theirs)).rejects.toMatchObject({ code: "mcp-closed" });
    expect(() => served.addTo(new McpServer({ name: "own", version: "1" }))).toThrow("serveMcp");
  });
});

const approve = (init: { to?: string; answer?: z.ZodType; dependencies?: string[] } = {}) =>
  new Node({
    name: "approve",
    dependencies: init.dependencies ?? [],
    modules: [
      defineQuestion({
        name: "approve",
        show: ({ task }) => ({ letter: task.objective }),
        answer: init.answer ?? z.object({ ok: z.boolean(), note: z.string().max(5).optional() }),
        ...(init.to === undefined ? {} : { to: init.to }),
      }),
    ],
  });

describe("a run that asks", () => {
  it("is parked where that is asked for; the result says for whom it waits, and how to go on", async () => {
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "asks", store, nodes: [approve({ to: "lead" })] }), { whenWaiting: "park" });
    const parked = await ask(client);
    const { taskId } = parked.structuredContent as { taskId: string };
    expect(parked).toMatchObject({ structuredContent: { status: "PARKED", questions: [{ name: "approve", to: "lead" }] } });
    expect(textOf(parked)).toContain(`Task ${taskId} waits for an answer to: approve (of lead)`);
    expect(textOf(parked)).toContain("run_task_resume");
    expect(await ask(client, { taskId }, "run_task_resume")).toMatchObject({ structuredContent: { status: "PARKED" } });
    const runs = new Runs(store);
    for await (const { id } of runs.questions()) await runs.answer(id, { ok: true });
    expect(await ask(client, { taskId }, "run_task_resume")).toMatchObject({
      structuredContent: { status: "COMPLETE", result: { ok: true } },
    });
  });

  it("of another agent in the same store is nobody's here, also once it has ended", async () => {
    const store = new MemoryStore();
    const other = new Agent({ name: "other", store, nodes: [nodeOf("a", giving("secret"))] });
    const { task } = await other.runTask(new Task({ type: "private", objective: "o" }));
    const { client } = await serve(new Agent({ name: "asks", store, nodes: [approve()] }), { resume: true });
    const refused = await ask(client, { taskId: task.id }, "run_task_resume");
    expect(refused.isError).toBe(true);
    expect(JSON.stringify(refused)).not.toContain("secret");
  });

  it("of an id that nobody knows is an error", async () => {
    const { client } = await serve(new Agent({ name: "asks", store: new MemoryStore(), nodes: [approve()] }), { resume: true });
    expect(await ask(client, { taskId: "nobody" }, "run_task_resume")).toMatchObject({
      isError: true,
      structuredContent: { code: "run-not-found", taskId: "nobody" },
    });
    expect((await ask(client, { taskId: 7 }, "run_task_resume")).isError).toBe(true);
  });

  it("keeps its call open otherwise, until somebody answers", async () => {
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "asks", store, nodes: [approve()] }));
    const call = ask(client);
    const runs = new Runs(store);
    await expect.poll(async () => (await all(runs.questions())).length).toBe(1);
    for await (const { id } of runs.questions()) await runs.answer(id, { ok: false });
    expect(await call).toMatchObject({ structuredContent: { status: "COMPLETE", result: { ok: false } } });
  });
});

describe("a question that is put to the client's user", () => {
  type Reply = { action: "accept" | "decline" | "cancel"; content?: Record<string, string | number | boolean | string[]> };
  interface Shown {
    message: string;
    requestedSchema?: unknown;
  }

  async function asking(agent: Agent, replies: Reply[], options: McpServeOptions = {}) {
    const served = await serveMcp(agent, { elicit: () => true, ...options });
    open.push(() => served.close());
    const shown: Shown[] = [];
    const client = await clientOf(served, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", async ({ params }) => {
        shown.push(params as Shown);
        return replies.shift() ?? { action: "cancel" };
      });
    });
    return { client, shown };
  }

  it("is shown as a form, and what is filled in is the answer", async () => {
    const store = new MemoryStore();
    const agent = new Agent({ name: "asks", store, nodes: [approve()] });
    const { client, shown } = await asking(agent, [{ action: "accept", content: { ok: true } }]);
    expect(await ask(client, { objective: "Dear all" })).toMatchObject({ structuredContent: { status: "COMPLETE", result: { ok: true } } });
    expect(shown).toHaveLength(1);
    expect(shown[0]?.message).toContain("Dear all");
    expect(shown[0]?.requestedSchema).toMatchObject({ type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] });
  });

  it("is shown once more where the answer was not taken, with the reason", async () => {
    const agent = new Agent({ name: "asks", store: new MemoryStore(), nodes: [approve()] });
    const { client, shown } = await asking(agent, [
      { action: "accept", content: { ok: true, note: "too long for it" } },
      { action: "accept", content: { ok: true, note: "short" } },
    ]);
    expect(await ask(client)).toMatchObject({ structuredContent: { status: "COMPLETE", result: { ok: true, note: "short" } } });
    expect(shown).toHaveLength(2);
    expect(shown[1]?.message).toContain("note");
  });

  it("is left to others where the user declines, and the task can be gone on with", async () => {
    const store = new MemoryStore();
    const { client } = await asking(new Agent({ name: "asks", store, nodes: [approve()] }), [{ action: "decline" }]);
    const parked = await ask(client);
    const { taskId } = parked.structuredContent as { taskId: string };
    expect(parked).toMatchObject({ structuredContent: { status: "PARKED", questions: [{ name: "approve" }] } });
    const runs = new Runs(store);
    for await (const { id } of runs.questions()) await runs.answer(id, { ok: true });
    expect(await ask(client, { taskId }, "run_task_resume")).toMatchObject({ structuredContent: { status: "COMPLETE" } });
  });

  it("is not asked again by its own call once the user has declined, while others are", async () => {
    const asked = (name: string) =>
      new Node({ name, modules: [defineQuestion({ name, show: () => name, answer: z.object({ ok: z.boolean() }) })] });
    const agent = new Agent({ name: "asks", store: new MemoryStore(), nodes: [asked("one"), asked("two")] });
    const served = await serveMcp(agent, { elicit: () => true, whenWaiting: "park" });
    open.push(() => served.close());
    const shown: string[] = [];
    const client = await clientOf(served, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", async ({ params: { message } }) => {
        shown.push(message);
        return message.startsWith("one") ? { action: "decline" } : { action: "accept", content: { ok: true } };
      });
    });
    expect(await ask(client)).toMatchObject({ structuredContent: { status: "PARKED", questions: [{ name: "one" }] } });
    expect(shown.toSorted()).toEqual([expect.stringContaining("one"), expect.stringContaining("two")]);
  });

  it("is an approval of a tool, too: yes, or no with a reason", async () => {
    const remove = defineTool({ name: "remove", description: "Removes", input: z.object({}), needsApproval: true, run: () => "removed" });
    const agentOf = () => {
      const model = new ScriptedInferenceClient([{ toolCalls: [{ name: "remove" }] }, ({ lastMessage }) => lastMessage.text]);
      const work: Work = async ({ signal }) => {
        const { text } = await model.toolChain([{ role: ChatRole.USER, content: "Remove" }], [remove], { signal });
        return { status: "success", result: text };
      };
      return new Agent({ name: "tools", store: new MemoryStore(), nodes: [nodeOf("a", work)] });
    };
    const yes = await asking(agentOf(), [{ action: "accept", content: { approve: true } }]);
    expect(textOf(await ask(yes.client))).toBe("removed");
    const no = await asking(agentOf(), [{ action: "accept", content: { approve: false, reason: "not today" } }]);
    expect(textOf(await ask(no.client))).toContain("not today");
  });

  it("is cancelled by close where no run is to be left", async () => {
    const store = new MemoryStore();
    const served = await serveMcp(new Agent({ name: "asks", store, nodes: [approve()] }), { elicit: () => true });
    const asked = Promise.withResolvers<void>();
    const client = await clientOf(served, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", () => {
        asked.resolve();
        return new Promise<never>(() => {});
      });
    });
    const call = ask(client).catch((error: unknown) => error);
    await asked.promise;
    await served.close();
    expect((await all(new Runs(store).find())).map(({ status }) => status)).toEqual(["CANCELLED"]);
    await call;
  });

  it("is not shown to whom the option does not allow it, nor where its schema is no form", async () => {
    for (const [node, allowed] of [
      [approve({ to: "lead" }), false],
      [approve({ answer: z.object({ deep: z.object({ ok: z.boolean() }) }) }), true],
    ] as const) {
      const agent = new Agent({ name: "asks", store: new MemoryStore(), nodes: [node] });
      const { client, shown } = await asking(agent, [], { whenWaiting: "park", elicit: () => allowed });
      expect(await ask(client)).toMatchObject({ structuredContent: { status: "PARKED" } });
      expect(shown).toEqual([]);
    }
  });

  it("is waited for where the client cannot show it", async () => {
    const store = new MemoryStore();
    const { client } = await serve(new Agent({ name: "asks", store, nodes: [approve()] }), { elicit: () => true });
    const call = ask(client);
    const runs = new Runs(store);
    await expect
      .poll(async () => (await all(runs.find())).map(({ status, questions }) => [status, questions.length]))
      .toEqual([["RUNNING", 1]]);
    for await (const { id } of runs.questions()) await runs.answer(id, { ok: true });
    expect(await call).toMatchObject({ structuredContent: { status: "COMPLETE" } });
  });

  it("is cancelled with its call", async () => {
    const store = new MemoryStore();
    const served = await serveMcp(new Agent({ name: "asks", store, nodes: [approve()] }), { elicit: () => true });
    open.push(() => served.close());
    const asked = Promise.withResolvers<void>();
    const client = await clientOf(served, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", () => {
        asked.resolve();
        return new Promise<never>(() => {});
      });
    });
    const controller = new AbortController();
    const call = ask(client, { objective: "Go" }, "run_task", { signal: controller.signal }).catch((error: unknown) => error);
    await asked.promise;
    controller.abort("enough");
    await call;
    await expect.poll(async () => (await all(new Runs(store).find())).map(({ status }) => status)).toEqual(["CANCELLED"]);
  });

  it("is cancelled with its call, also while its run is being parked", async () => {
    const store = new MemoryStore();
    const controller = new AbortController();
    const served = await serveMcp(new Agent({ name: "asks", store, nodes: [approve()] }), {
      elicit: () => true,
      progress: ({ type }) => {
        if (type === "run.parked") controller.abort("enough");
        return type;
      },
    });
    open.push(() => served.close());
    const client = await clientOf(served, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", () => new Promise<never>(() => {}));
    });
    const call = ask(client, { objective: "Go" }, "run_task", { signal: controller.signal, onprogress: () => {} });
    await expect(call).rejects.toThrow("enough");
    await expect.poll(async () => (await all(new Runs(store).find())).map(({ status }) => status)).toEqual(["CANCELLED"]);
  });

  it("is answered in between: what is told of progress goes on to grow", async () => {
    const nodes = [nodeOf("a", giving(1)), approve({ dependencies: ["a"] }), nodeOf("z", giving(1), { dependencies: ["approve"] })];
    const agent = new Agent({ name: "asks", store: new MemoryStore(), nodes });
    const { client } = await asking(agent, [{ action: "accept", content: { ok: true } }]);
    const told: { progress: number; total?: number }[] = [];
    const onprogress = (notice: { progress: number; total?: number }): void => void told.push(notice);
    expect(await ask(client, { objective: "Go" }, "run_task", { onprogress })).toMatchObject({ structuredContent: { status: "COMPLETE" } });
    await client.ping();
    const counts = told.map(({ progress }) => progress);
    expect(counts).toEqual([...new Set(counts)].toSorted((one, other) => one - other));
    expect(told.at(-1)).toMatchObject({ progress: 3, total: 3 });
  });

  it("is put to an agent that was resumed by hand, too", async () => {
    const store = new MemoryStore();
    const agent = new Agent({ name: "asks", store, nodes: [approve()] });
    const parked = await agent.runTask(new Task({ type: "t", objective: "o" }), { whenWaiting: "park" });
    const taskId = (parked as { taskId: string }).taskId;
    const { client } = await asking(agent, [{ action: "accept", content: { ok: true } }]);
    expect(await ask(client, { taskId }, "run_task_resume")).toMatchObject({
      structuredContent: { status: "COMPLETE", result: { ok: true } },
    });
  });
});
