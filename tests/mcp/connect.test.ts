/** Connecting within limits, progress, resources, and servers that hang or say too much, over standard input and output and over HTTP. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ChatRole } from "asimov-agents";
import { connectMcp, type McpClient, type McpConnectOptions, mcpTools } from "asimov-agents/mcp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Tool, ToolContext } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { json, serveWire, type WireRequest, type WireServer } from "../support/wire-server.ts";

const raw = (...args: string[]) => ({
  command: process.execPath,
  args: [fileURLToPath(new URL("raw-server-process.ts", import.meta.url)), ...args],
});
const context = { signal: new AbortController().signal, toolUseId: "t1", idempotencyKey: "k1", emit: () => {}, stop: () => {} };
const failure = async (work: () => unknown): Promise<Error & { code?: string }> => {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
};
const find = (tools: readonly Tool[], name: string): Tool => {
  const found = tools.find((tool) => tool.name === name);
  if (found === undefined) throw new Error(`no tool ${name}`);
  return found;
};
const call = async (tools: readonly Tool[], name: string, input: object = {}, given: Partial<ToolContext> = {}) =>
  find(tools, name).run(input, { ...context, ...given });

const open: (() => Promise<void>)[] = [];
const connect = async (server: Parameters<typeof connectMcp>[0], options: McpConnectOptions = {}): Promise<Tool[]> => {
  const { tools, close } = await connectMcp(server, options);
  open.push(close);
  return tools;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

describe("progress of an MCP server", () => {
  it("is told by emit, without what was asked by nobody", async () => {
    const told: unknown[] = [];
    expect(await call(await connect(raw()), "count", {}, { emit: (event) => told.push(event) })).toBe("counted");
    expect(told).toEqual([{ progress: 1, total: 2, message: "half" }, { progress: 2 }]);
  });

  it("is a part of the stream of a chain", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "count" }] }, "Counted."]);
    const chain = client.streamChain([{ role: ChatRole.USER, content: "Count" }], await connect(raw()));
    const told: unknown[] = [];
    for await (const part of chain) if (part.type === "tool-progress") told.push([part.name, part.event]);
    expect(told).toEqual([
      ["count", { progress: 1, total: 2, message: "half" }],
      ["count", { progress: 2 }],
    ]);
  });

  it("begins the time limit anew where that is asked for", async () => {
    const asked: unknown[] = [];
    const client: McpClient = {
      listTools: async () => ({ tools: [{ name: "a", inputSchema: { type: "object" } }] }),
      callTool: async (_params, { onprogress: _told, signal: _signal, ...limits } = {}) => {
        asked.push(limits);
        return { content: [] };
      },
    };
    await call(await mcpTools(client, { timeoutMs: 5, resetTimeoutOnProgress: true }), "a");
    await call(await mcpTools(client), "a");
    expect(asked).toEqual([{ timeout: 5, resetTimeoutOnProgress: true }, { resetTimeoutOnProgress: false }]);
  });
});

describe("resources of an MCP server", () => {
  it("are tools on demand: what there is, and what is in it", async () => {
    const tools = await connect(raw("resources"), { prefix: "notes_", resources: true });
    expect(await call(tools, "notes_list_resources")).toEqual({ resources: [{ uri: "note://1", name: "one" }] });
    expect(await call(tools, "notes_read_resource", { uri: "note://1" })).toBe("first note");
    expect(await call(tools, "notes_read_resource", { uri: "photo://1" })).toEqual([
      { type: "file", mediaType: "image/png", data: "AAAA", name: "photo://1" },
    ]);
    expect(find(tools, "notes_read_resource").description).toContain("notes_list_resources");
  });

  it("that are not there fail the call with what the server says", async () => {
    const tools = await connect(raw("resources"), { resources: true });
    const error = await failure(() => call(tools, "read_resource", { uri: "note://9" }));
    expect(error).toMatchObject({ code: "mcp-tool-failed", message: expect.stringContaining("no such resource") });
  });

  it("are no tools unless they are asked for, and none where the server has none", async () => {
    const names = (tools: Tool[]): string[] => tools.map(({ name }) => name).filter((name) => name.endsWith("resource"));
    expect(names(await connect(raw("resources")))).toEqual([]);
    expect(names(await connect(raw(), { resources: true }))).toEqual([]);
    const client: McpClient = { listTools: async () => ({ tools: [] }), callTool: async () => ({}) };
    await expect(mcpTools(client, { resources: true })).rejects.toMatchObject({ code: "invalid-options" });
  });
});

describe("a process that hangs", () => {
  let place: string;
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), "asimov-mcp-"));
  });
  afterEach(async () => {
    await rm(place, { recursive: true, force: true });
  });
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const pidIn = async (file: string): Promise<number> => Number(await readFile(file, "utf8").catch(() => ""));

  it.each([["silent"], ["stubborn"], ["lists never"]])("is given up on after connectTimeoutMs, and is gone then: %s", async (mode) => {
    const file = join(place, "pid");
    const server = raw(mode, file);
    const error = await failure(() => connectMcp(server, { connectTimeoutMs: 1_500 }));
    expect(error).toMatchObject({ code: "mcp-connect-failed" });
    expect(error.message).toContain(`"${server.command}"`);
    expect(error.message).toContain("connectTimeoutMs");
    const pid = await pidIn(file);
    expect(pid).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(false);
  });

  it("is gone when the signal is aborted, whose reason is thrown", async () => {
    const file = join(place, "pid");
    const controller = new AbortController();
    const connecting = failure(() => connectMcp(raw("silent", file), { signal: controller.signal }));
    await expect.poll(() => pidIn(file)).toBeGreaterThan(0);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    expect(isAlive(await pidIn(file))).toBe(false);
  });

  it("is not started by a signal that is aborted already", async () => {
    const file = join(place, "pid");
    const reason = new Error("too late");
    expect(await failure(() => connectMcp(raw("silent", file), { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await pidIn(file)).toBe(0);
  });

  it("stays connected when the signal is aborted afterwards", async () => {
    const controller = new AbortController();
    const tools = await connect(raw(), { signal: controller.signal });
    controller.abort();
    expect(await call(tools, "say_nothing")).toBe("");
  });
});

describe("errors of a call", () => {
  it("name the server and what to do", async () => {
    const server = raw();
    const tools = await connect(server, { timeoutMs: 100 });
    const late = await failure(() => call(tools, "hang"));
    expect(late.message).toBe(
      `The MCP tool "hang" gave no result: Request timed out. "${server.command}" did not answer in time: see what it does, or raise timeoutMs.`,
    );
    const odd = await failure(() => call(tools, "odd_result"));
    expect(odd.message).toContain(`"${server.command}" answers what the protocol does not know`);
    const dead = await failure(() => call(tools, "die"));
    expect(dead.message).toContain(`"${server.command}" has ended, or the connection was closed`);
    expect((await failure(() => call(tools, "count"))).message).toContain("connect anew");
  });

  it("say that a message was too large, which closes the connection", async () => {
    const tools = await connect(raw(), { maxMessageBytes: 10_000 });
    const error = await failure(() => call(tools, "huge", { size: 20_000 }));
    expect(error).toMatchObject({ code: "mcp-tool-failed", message: expect.stringContaining("maxMessageBytes") });
    expect((await failure(() => call(tools, "count"))).message).toContain("connect anew");
  });

  it("name a server that was connected by others as it calls itself", async () => {
    const thrown = new Error("no such tool for key sk-planted-0123456789");
    const client: McpClient = {
      getServerVersion: () => ({ name: "calculator" }),
      listTools: async () => ({ tools: [{ name: "a", inputSchema: { type: "object" } }] }),
      callTool: () => Promise.reject(thrown),
    };
    const error = await failure(async () => call(await mcpTools(client), "a"));
    expect(error.message).toContain('The server "calculator"');
    expect(error.message).not.toContain("planted");
    expect(error.cause).toBe(thrown);
  });
});

describe("a server over HTTP", () => {
  let server: WireServer;
  afterEach(async () => {
    await server.close();
  });
  const initialized = { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "wire", version: "1" } };
  const tools = [{ name: "huge", inputSchema: { type: "object" } }];
  type Message = { id?: number; method: string };
  const messageOf = ({ body }: WireRequest): Message => (typeof body === "object" ? (body as Message) : { method: "" });

  it("that answers nothing to what needs no answer is given up on", async () => {
    server = await serveWire((request, response) => {
      const { id, method } = messageOf(request);
      // The client waits for that one without a limit.
      if (method === "initialize") json(response, 200, { jsonrpc: "2.0", id, result: initialized });
    });
    const error = await failure(() => connectMcp({ url: server.url }, { connectTimeoutMs: 300 }));
    expect(error).toMatchObject({ code: "mcp-connect-failed", message: expect.stringContaining(server.url) });
    await Promise.all(server.requests.map(({ closed }) => closed));
  });

  /** @param answer to a call */
  const serveTool = async (type: string, answer: (message: Message & { params?: { _meta?: object } }) => string): Promise<void> => {
    server = await serveWire((request, response) => {
      const message = messageOf(request);
      const { id, method } = message;
      if (method === "initialize") json(response, 200, { jsonrpc: "2.0", id, result: initialized });
      else if (method === "tools/list") json(response, 200, { jsonrpc: "2.0", id, result: { tools } });
      else if (method === "tools/call") response.writeHead(200, { "content-type": type }).end(answer(message));
      else response.writeHead(request.method === "GET" ? 405 : 202).end();
    });
  };
  const said = (count: number, size: number) => ({
    content: Array.from({ length: count }, () => ({ type: "text", text: "x".repeat(size) })),
  });
  const lines = (message: object, end = "\n"): string =>
    `${JSON.stringify(message, undefined, 1)
      .split("\n")
      .map((line) => `data: ${line}${end}`)
      .join("")}${end}`;

  it.each<[string, string, (message: object) => string]>([
    ["as JSON", "application/json", (message) => JSON.stringify(message)],
    ["as an event", "text/event-stream", (message) => `data: ${JSON.stringify(message)}\n\n`],
    ["as an event of many lines", "text/event-stream", lines],
  ])("that says more than maxMessageBytes fails the call: %s", async (_how, type, write) => {
    await serveTool(type, ({ id }) => write({ jsonrpc: "2.0", id, result: said(100, 200) }));
    const found = await connect({ url: server.url }, { maxMessageBytes: 10_000 });
    const error = await failure(() => call(found, "huge"));
    expect(error).toMatchObject({ code: "mcp-tool-failed", message: expect.stringContaining("maxMessageBytes") });
  });

  it.each(["\n", "\r\n", "\r"])("may say more than that in many messages, whose lines end by %j", async (end) => {
    const notice = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x".repeat(1_000) } };
    await serveTool("text/event-stream", ({ id }) => {
      const notices = Array.from({ length: 30 }, () => lines(notice, end)).join("");
      // Whether a line feed follows the last end of a line, only what comes next tells.
      return `${notices}${lines({ jsonrpc: "2.0", id, result: said(1, 5) }, end)}: bye\n`;
    });
    const found = await connect({ url: server.url }, { maxMessageBytes: 10_000 });
    expect(await call(found, "huge")).toBe("xxxxx");
  });

  it("has its session ended by close, and is not waited for where it does not say so", async () => {
    server = await serveWire((request, response) => {
      const { id, method } = messageOf(request);
      if (method === "initialize") json(response, 200, { jsonrpc: "2.0", id, result: initialized }, { "mcp-session-id": "s-1" });
      else if (method === "tools/list") json(response, 200, { jsonrpc: "2.0", id, result: { tools } });
      // What ends the session is not answered.
      else if (request.method !== "DELETE") response.writeHead(request.method === "GET" ? 405 : 202).end();
    });
    const { close } = await connectMcp({ url: server.url });
    await Promise.all([close(), close()]);
    const ended = server.requests.filter(({ method }) => method === "DELETE");
    expect(ended.map(({ headers }) => headers["mcp-session-id"])).toEqual(["s-1"]);
    await ended[0]?.closed;
  });
});
