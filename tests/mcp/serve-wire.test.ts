/** An agent that is served over real wires: a process of its own, and HTTP of both revisions of the protocol. */
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve as serveHttp } from "@hono/node-server";
import { Client, type ClientOptions, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { createMcpHandler, McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { Agent, defineModule, defineQuestion, FileStore, MemoryStore, Node, Runs } from "asimov-agents";
import { connectMcp, serveMcp } from "asimov-agents/mcp";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function runsOf(store: ConstructorParameters<typeof Runs>[0]): Promise<{ taskId: string; status: string }[]> {
  const found: { taskId: string; status: string }[] = [];
  for await (const { taskId, status } of new Runs(store).find()) found.push({ taskId, status });
  return found;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("an agent in a process of its own", () => {
  const processOf = async () => {
    const dir = await mkdtemp(join(tmpdir(), "asimov-mcp-"));
    open.push(() => rm(dir, { recursive: true, force: true }));
    const script = fileURLToPath(new URL("agent-process.ts", import.meta.url));
    return { dir, server: { command: process.execPath, args: ["--conditions=asimov-source", script, dir] } };
  };
  const context = { signal: new AbortController().signal, toolUseId: "t", idempotencyKey: "k", emit: () => {}, stop: () => {} };

  it("is asked by connectMcp, with its progress", async () => {
    const { server } = await processOf();
    const { tools, close } = await connectMcp(server);
    open.push(close);
    const told: unknown[] = [];
    expect(await tools[0]?.run({ objective: "Saturn" }, { ...context, emit: (event) => told.push(event) })).toBe("done: Saturn");
    expect(told.map((notice) => (notice as { message?: string }).message)).toEqual(
      expect.arrayContaining(["work started", expect.stringMatching(/^process \d+$/), "work done"]),
    );
  });

  it("puts down what works when its client is gone, and ends", async () => {
    const { dir, server } = await processOf();
    const client = new Client({ name: "tester", version: "1" });
    await client.connect(new StdioClientTransport(server));
    const begun = Promise.withResolvers<number>();
    const onprogress = ({ message = "" }): void => {
      const pid = /^process (\d+)$/.exec(message)?.[1];
      if (pid !== undefined) begun.resolve(Number(pid));
    };
    const call = client.callTool({ name: "run_task", arguments: { objective: "hang" } }, { onprogress }).catch((error: unknown) => error);
    const pid = await begun.promise;
    await client.close();
    await call;
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(await runsOf(new FileStore({ dir }))).toMatchObject([{ status: "READY" }]);
  });
});

type Handler = (request: Request) => Promise<Response> | Response;

async function listen(handle: Handler): Promise<URL> {
  const server = serveHttp({ fetch: handle, hostname: "127.0.0.1", port: 0 });
  await new Promise<void>((resolve) => (server.listening ? resolve() : server.once("listening", resolve)));
  open.push(
    () =>
      new Promise((resolve) => {
        if ("closeAllConnections" in server) server.closeAllConnections();
        server.close(resolve);
      }),
  );
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
}

async function clientOf(url: URL, options: ClientOptions = {}, prepare: (client: Client) => void = () => {}): Promise<Client> {
  const client = new Client({ name: "tester", version: "1" }, options);
  prepare(client);
  await client.connect(new StreamableHTTPClientTransport(url));
  open.push(() => client.close());
  return client;
}

/** A module that tells that it has begun, and ends when it is told, or with its signal. */
function held() {
  const begun = Promise.withResolvers<AbortSignal>();
  const release = Promise.withResolvers<void>();
  const module = defineModule({
    name: "work",
    process: async ({ signal, emit }) => {
      emit({ type: "begun", message: "hard at work" });
      begun.resolve(signal);
      const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
      await Promise.race([release.promise, aborted]);
      return { status: "success", result: "done" };
    },
  });
  return { node: new Node({ name: "work", modules: [module] }), begun: begun.promise, release: release.resolve };
}

const approve = new Node({
  name: "approve",
  modules: [defineQuestion({ name: "approve", show: ({ task }) => task.objective, answer: z.object({ ok: z.boolean() }) })],
});

describe("an agent over HTTP with sessions", () => {
  /** As a host of sessions does it: a transport for each. */
  async function sessionsOf(agent: Agent, options: Parameters<typeof serveMcp>[1] = {}): Promise<URL> {
    const served = await serveMcp(agent, options);
    open.push(() => served.close());
    const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
    return await listen(async (request) => {
      const known = sessions.get(request.headers.get("mcp-session-id") ?? "");
      if (known !== undefined) return await known.handleRequest(request);
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        onsessioninitialized: (id) => void sessions.set(id, transport),
      });
      await served.connect(transport);
      return await transport.handleRequest(request);
    });
  }

  it("serves several at once, each with its progress and its end", async () => {
    const { node, begun, release } = held();
    const url = await sessionsOf(new Agent({ nodes: [node] }));
    const clients = [await clientOf(url), await clientOf(url)];
    const told: string[] = [];
    const onprogress = ({ message = "" }): void => void told.push(message);
    const calls = clients.map((client) => client.callTool({ name: "run_task", arguments: { objective: "Go" } }, { onprogress }));
    await begun;
    await expect.poll(() => told.filter((message) => message === "hard at work")).toHaveLength(2);
    release();
    for (const call of calls) expect(await call).toMatchObject({ structuredContent: { status: "COMPLETE", result: "done" } });
  });

  it("cancels the run of a call that is cancelled", async () => {
    const { node, begun } = held();
    const store = new MemoryStore();
    const client = await clientOf(await sessionsOf(new Agent({ name: "http", store, nodes: [node] })));
    const controller = new AbortController();
    const call = client.callTool({ name: "run_task", arguments: { objective: "Go" } }, { signal: controller.signal }).catch(() => {});
    const signal = await begun;
    controller.abort("enough");
    await call;
    await expect.poll(() => signal.aborted).toBe(true);
    await expect.poll(() => runsOf(store)).toMatchObject([{ status: "CANCELLED" }]);
  });

  it("cancels the runs of a session that is ended", async () => {
    const { node, begun } = held();
    const store = new MemoryStore();
    const client = await clientOf(await sessionsOf(new Agent({ name: "http", store, nodes: [node] })));
    const call = client.callTool({ name: "run_task", arguments: { objective: "Go" } }).catch(() => {});
    await begun;
    await (client.transport as StreamableHTTPClientTransport).terminateSession();
    await expect.poll(() => runsOf(store)).toMatchObject([{ status: "CANCELLED" }]);
    await client.close();
    await call;
  });

  it("asks the client's user", async () => {
    const agent = new Agent({ name: "http", store: new MemoryStore(), nodes: [approve] });
    const url = await sessionsOf(agent, { elicit: () => true });
    const client = await clientOf(url, { capabilities: { elicitation: {} } }, (made) => {
      made.setRequestHandler("elicitation/create", async () => ({ action: "accept", content: { ok: true } }));
    });
    const result = await client.callTool({ name: "run_task", arguments: { objective: "Go" } });
    expect(result).toMatchObject({ structuredContent: { status: "COMPLETE", result: { ok: true } } });
  });
});

describe("an agent over HTTP of the revision without sessions", () => {
  async function handlerOf(agent: Agent, options: Parameters<typeof serveMcp>[1] = {}): Promise<URL> {
    const served = await serveMcp(agent, options);
    open.push(() => served.close());
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: "own", version: "1" });
      served.addTo(server);
      return server;
    });
    open.push(() => handler.close());
    return await listen((request) => handler.fetch(request));
  }
  const modern = { versionNegotiation: { mode: { pin: "2026-07-28" } } } as const;

  it("runs a task, and tells how far it is", async () => {
    const { node, begun, release } = held();
    const client = await clientOf(await handlerOf(new Agent({ nodes: [node] })), modern);
    const told: string[] = [];
    const onprogress = ({ message = "" }): void => void told.push(message);
    const call = client.callTool({ name: "run_task", arguments: { objective: "Go" } }, { onprogress });
    await begun;
    await expect.poll(() => told).toContain("hard at work");
    release();
    expect(await call).toMatchObject({ structuredContent: { status: "COMPLETE", result: "done" } });
  });

  it("cancels the run of a call whose request is given up", async () => {
    const { node, begun } = held();
    const store = new MemoryStore();
    const client = await clientOf(await handlerOf(new Agent({ name: "http", store, nodes: [node] })), modern);
    const controller = new AbortController();
    const call = client.callTool({ name: "run_task", arguments: { objective: "Go" } }, { signal: controller.signal }).catch(() => {});
    await begun;
    controller.abort("enough");
    await call;
    await expect.poll(() => runsOf(store)).toMatchObject([{ status: "CANCELLED" }]);
  });

  it("cancels the run of a call by connectMcp that is aborted, and answers the next one", async () => {
    const { node, begun, release } = held();
    const store = new MemoryStore();
    const url = await handlerOf(new Agent({ name: "http", store, nodes: [node] }));
    const { tools, close } = await connectMcp({ url: url.href });
    open.push(close);
    const controller = new AbortController();
    const given = { toolUseId: "t", idempotencyKey: "k", emit: () => {}, stop: () => {} };
    const call = tools[0]?.run({ objective: "Go" }, { ...given, signal: controller.signal }) as Promise<unknown>;
    const signal = await begun;
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect.poll(() => signal.aborted).toBe(true);
    await expect.poll(() => runsOf(store)).toMatchObject([{ status: "CANCELLED" }]);
    release();
    expect(await tools[0]?.run({ objective: "Go" }, { ...given, signal: new AbortController().signal })).toBe("done");
  });

  it("asks the client's user in between, by a state that it has signed", async () => {
    const store = new MemoryStore();
    const url = await handlerOf(new Agent({ name: "http", store, nodes: [approve] }), { elicit: () => true });
    const options = { ...modern, capabilities: { elicitation: { form: {} } } };
    const client = await clientOf(url, options, (made) => {
      made.setRequestHandler("elicitation/create", async () => {
        expect(await runsOf(store)).toMatchObject([{ status: "PARKED" }]);
        return { action: "accept", content: { ok: true } };
      });
    });
    const result = await client.callTool({ name: "run_task", arguments: { objective: "Go" } });
    expect(result).toMatchObject({ structuredContent: { status: "COMPLETE", result: { ok: true } } });
    const forged = `v1.${Buffer.from(JSON.stringify({ p: { taskId: "x", asked: [], declined: [] }, exp: 4e9 })).toString("base64url")}.AAAA`;
    const refused = await client.request({
      method: "tools/call",
      params: { name: "run_task", arguments: { objective: "Go" }, requestState: forged, inputResponses: {} },
    });
    expect(refused).toMatchObject({ isError: true });
    expect(await runsOf(store)).toHaveLength(1);
  });
});
