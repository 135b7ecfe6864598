/** Tools of a real server process, over its standard input and output. */
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { connectMcp, type McpClient, type McpServer, type McpToolsOptions, mcpTools } from "asimov-agents/mcp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { Tool, ToolContext } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { json, serveWire } from "../support/wire-server.ts";

const server = { command: process.execPath, args: [fileURLToPath(new URL("server-process.ts", import.meta.url))] };
const context = { signal: new AbortController().signal, toolUseId: "t1", idempotencyKey: "k1", emit: () => {}, stop: () => {} };
let connection: Awaited<ReturnType<typeof connectMcp>>;

const tool = (name: string) => {
  const found = connection.tools.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`no tool ${name}`);
  return found;
};

describe("tools of an MCP server", () => {
  beforeEach(async () => {
    connection = await connectMcp(server, { prefix: "calc_" });
  });
  afterEach(async () => {
    await connection.close();
  });

  it("have names that providers take, and the server's schema", () => {
    expect(connection.tools.map(({ name }) => name)).toEqual(["calc_add_numbers", "calc_fail", "calc_whoami"]);
    expect(tool("calc_add_numbers")).toMatchObject({ description: "Adds", inputSchema: { type: "object", required: ["a", "b"] } });
  });

  it("run on the server", async () => {
    expect(await tool("calc_add_numbers").run({ a: 2, b: 3 }, context)).toBe("5");
  });

  it("throw what the server calls an error", async () => {
    await expect((async () => tool("calc_fail").run({}, context))()).rejects.toThrow("out of paper");
  });

  it("find what does not fit the schema before the server is asked", async () => {
    expect(await tool("calc_add_numbers").check({ a: 2 })).toMatchObject({ faults: expect.stringContaining("b") });
  });

  it("serve a chain", async () => {
    const client = new ScriptedInferenceClient([
      {
        toolCalls: [
          { name: "calc_add_numbers", input: { a: 2, b: 3 } },
          { name: "calc_fail", input: {} },
        ],
      },
      "5, but no paper.",
    ]);
    const { messages } = await client.toolChain([{ role: ChatRole.USER, content: "Add" }], connection.tools);
    expect(messages[2]?.content).toMatchObject([{ content: "5" }, { content: expect.stringContaining("out of paper"), isError: true }]);
  });

  it("leave no process behind once closed", async () => {
    const pid = Number(await tool("calc_whoami").run({}, context));
    expect(process.kill(pid, 0)).toBe(true);
    await connection.close();
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A server that does what a broken one may. */
const raw = (mode?: string) => {
  const args = [fileURLToPath(new URL("raw-server-process.ts", import.meta.url)), ...(mode === undefined ? [] : [mode])];
  return { command: process.execPath, args };
};

describe("an MCP server that breaks", () => {
  let broken: Awaited<ReturnType<typeof connectMcp>>;
  beforeEach(async () => {
    broken = await connectMcp(raw());
  });
  afterEach(async () => {
    await broken.close();
  });
  const find = (name: string) => broken.tools.find((entry) => entry.name === name) as Tool;
  const call = async (name: string, input: object = {}, given: Partial<ToolContext> = {}) =>
    find(name).run(input, { ...context, ...given });

  it("dies in the middle of a call: that call fails, and each after it", async () => {
    await expect(call("die")).rejects.toMatchObject({ code: "mcp-tool-failed", message: expect.stringContaining('"die" gave no result') });
    await expect(call("refuse")).rejects.toMatchObject({ code: "mcp-tool-failed" });
  });

  it("dies in the middle of a chain, whose model is told, and goes on", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "die" }, { name: "hang" }] }, "It is gone."]);
    const { text, messages } = await client.toolChain([{ role: ChatRole.USER, content: "Go" }], broken.tools);
    expect(text).toBe("It is gone.");
    expect(messages[2]?.content).toMatchObject([
      { isError: true, content: expect.stringContaining("gave no result") },
      { isError: true, content: expect.stringContaining("gave no result") },
    ]);
  });

  it("is told when a call is aborted, which rejects with the signal's own reason", async () => {
    const controller = new AbortController();
    const hanging = call("hang", {}, { signal: controller.signal });
    // Requests are answered in order: the one before is with the server once this is.
    expect(await call("cancelled")).toBe("[]");
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(hanging).rejects.toBe(reason);
    expect(JSON.parse(String(await call("cancelled")))).toHaveLength(1);
    await expect(call("hang", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("is given up on after timeoutMs", async () => {
    const hasty = await connectMcp(raw(), { timeoutMs: 20 });
    const hang = hasty.tools.find(({ name }) => name === "hang");
    await expect((async () => hang?.run({}, context))()).rejects.toMatchObject({
      code: "mcp-tool-failed",
      message: expect.stringContaining("timed out"),
    });
    await hasty.close();
  });

  it("says more than a model should read: a chain cuts it; and more than a line may hold: the call fails", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "huge", input: { size: 3_000_000 } }] }, "Long."]);
    const { messages } = await client.toolChain([{ role: ChatRole.USER, content: "Go" }], broken.tools, { maxToolResultChars: 1_000 });
    expect(messages[2]?.content).toMatchObject([
      { content: expect.stringContaining("the result has 3000000 characters, of which 1000 are shown") },
    ]);
    await expect(call("huge", { size: 12_000_000 })).rejects.toMatchObject({ code: "mcp-tool-failed" });
  });

  it("says nothing, or fails without a word", async () => {
    expect(await call("say_nothing")).toBe("");
    await expect(call("refuse")).rejects.toThrow('The MCP tool "refuse" failed.');
  });

  it("gives what is no result, or promises an output that nobody can check: the call fails, and the next is answered", async () => {
    await expect(call("odd_result")).rejects.toMatchObject({ code: "mcp-tool-failed" });
    await expect(call("odd_output")).rejects.toThrow("invalid outputSchema");
    expect(await call("say_nothing")).toBe("");
  });

  it("gives content of many kinds, each as the model can take it", async () => {
    expect(await call("mixed")).toEqual([
      { type: "text", text: "seen" },
      { type: "file", mediaType: "image/png", data: "AAAA" },
      { type: "file", mediaType: "audio/wav", data: "BBBB" },
      { type: "text", text: "(a resource: file:///a.txt)" },
      { type: "text", text: "of b" },
      { type: "file", mediaType: "application/pdf", data: "CCCC", name: "file:///c.pdf" },
    ]);
  });

  it("has a schema that is none: the model is told in words, since providers refuse such a request, and the server checks", async () => {
    const odd = find("odd_schema");
    expect(odd.inputSchema).toEqual({ type: "object" });
    expect(odd.description).toContain('"$ref":"#/nowhere"');
    expect(await odd.check({ b: 1 })).toEqual({ value: { b: 1 } });
    expect(await call("odd_schema", { b: 1 })).toBe('got {"b":1}');
  });

  it("writes other things to its output, which are passed over", async () => {
    const noisy = await connectMcp(raw("noisy"));
    expect(noisy.tools).toHaveLength(broken.tools.length);
    await noisy.close();
  });
});

describe("connectMcp", () => {
  it.each([
    ["ends at once", raw("exits"), "Connection closed"],
    ["lists no tools", raw("refuses"), "no list today"],
    [
      "is not there",
      { command: "/no/such/server", args: ["--key=sk-planted-0123456789"], env: { KEY: "sk-planted-0123456789" } },
      "ENOENT",
    ],
  ])("says which server gave no tools, and why, when it %s", async (_, broken, why) => {
    const error = (await connectMcp(broken).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "mcp-connect-failed", message: expect.stringContaining(why) });
    expect(error.message).toContain(`"${broken.command}"`);
    expect(inspect(error)).not.toContain("planted");
  });

  it("leaves no process behind when it got no tools", async () => {
    const error = (await connectMcp(raw("refuses")).catch((thrown: unknown) => thrown)) as Error;
    const pid = Number(/process (\d+)/.exec(error.message)?.[1]);
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("holds no header, and of an address no more than its origin, though the server repeats both", async () => {
    const remote = await serveWire(({ headers, url }, response) => json(response, 500, { error: `no ${headers["x-team"]} at ${url}` }));
    const address = `${remote.url}/mcp?key=sk-planted-0123456789`;
    const error = (await connectMcp({ url: address, headers: { "x-team": "planted-team" } }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "mcp-connect-failed", message: expect.stringContaining(remote.url) });
    expect(inspect(error, { depth: 9 })).not.toContain("planted");
    await remote.close();
  });

  it("holds no argument and no variable of its environment, though the server repeats them", async () => {
    const args = [fileURLToPath(new URL("raw-server-process.ts", import.meta.url)), "tells", "--pin=planted-argument"];
    const env = { TEAM: "planted-variable" };
    const error = (await connectMcp({ command: process.execPath, args, env }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "mcp-connect-failed", message: expect.stringContaining("no list for") });
    expect(inspect(error, { depth: 9 })).not.toContain("planted");
  });

  it("says that a process prints what is no MCP", async () => {
    const server = { ...raw("prints"), env: { TEAM: "planted-variable" } };
    const error = (await connectMcp(server, { connectTimeoutMs: 1_500 }).catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain('prints what is no MCP, beginning with "Listening for [redacted]"');
  });

  it.each([
    [401, "text/plain", "no", "answered with HTTP 401 of text/plain, which is no answer of MCP: check url and headers"],
    [200, "text/html", "<p>Hello", "answered with HTTP 200 of text/html, which is no answer of MCP: check url and headers"],
    [200, "application/json", "{}", "it answered what is no message of the protocol. See what"],
  ])("says in one line what an answer was that is none: %i %s", async (status, type, body, words) => {
    const remote = await serveWire((_, response) => void response.writeHead(status, { "content-type": type }).end(body));
    const error = (await connectMcp({ url: remote.url }).catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("\n");
    await remote.close();
  });

  it("holds nothing of what an address asks for, though the server repeats it", async () => {
    const remote = await serveWire(({ url }, response) => json(response, 500, { error: `nothing at ${url}` }));
    const error = (await connectMcp({ url: `${remote.url}/mcp?team=planted-team` }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "mcp-connect-failed", message: expect.stringContaining("nothing at") });
    expect(inspect(error, { depth: 9 })).not.toContain("planted");
    await remote.close();
  });

  it.each<[unknown, unknown, string]>([
    [{}, {}, "command"],
    [null, {}, "connectMcp"],
    [{ command: "" }, {}, "command"],
    [{ command: "x", url: "http://127.0.0.1" }, {}, "give either command or url"],
    [{ url: "file:///x" }, {}, "url"],
    [{ command: "x" }, { prefx: "y" }, "prefx"],
    [{ command: "x" }, { timeoutMs: 0 }, "timeoutMs"],
  ])("refuses %j with %j before anything is started", async (given, options, fault) => {
    const error = await connectMcp(given as McpServer, options as McpToolsOptions).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid-options", message: expect.stringContaining(fault) });
  });
});

describe("mcpTools", () => {
  const paged = (pages: string[][]): McpClient => ({
    listTools: async ({ cursor = "0" } = {}) => ({
      tools: (pages[Number(cursor)] ?? []).map((name) => ({ name, inputSchema: { type: "object" } })),
      nextCursor: Number(cursor) + 1 < pages.length ? String(Number(cursor) + 1) : undefined,
    }),
    callTool: async (_params, options) => {
      options?.signal?.throwIfAborted();
      return { content: [], structuredContent: { done: true } };
    },
  });

  it("follows all pages, and keeps names apart", async () => {
    const names = (await mcpTools(paged([["a.b", "a/b"], ["9"]]))).map(({ name }) => name);
    expect(names).toEqual(["a_b", "a_b_2", "_9"]);
  });

  it("ends with a server that tells the same page again and again", async () => {
    let pages = 0;
    const looping: McpClient = {
      listTools: async () => {
        pages += 1;
        return { tools: [{ name: `t${pages}`, inputSchema: { type: "object" } }], nextCursor: "again" };
      },
      callTool: async () => ({}),
    };
    expect((await mcpTools(looping)).map(({ name }) => name)).toEqual(["t1", "t2"]);
  });

  it("says which tool it was where a client throws at once", async () => {
    const client: McpClient = {
      listTools: async () => ({ tools: [{ name: "a", inputSchema: { type: "object" } }] }),
      callTool: () => {
        throw new Error("Not connected");
      },
    };
    const [first] = await mcpTools(client);
    await expect((async () => first?.run({}, context))()).rejects.toMatchObject({
      code: "mcp-tool-failed",
      message: expect.stringContaining('"a" gave no result'),
    });
  });

  it("keeps long names apart within what providers take", async () => {
    const long = "x".repeat(80);
    const names = (await mcpTools(paged([[long, `${long}y`, `${long}z`]]), { prefix: "p_" })).map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^p_x[\w-]{1,62}$/);
  });

  it("gives structured content where there is no text, and hands the signal on", async () => {
    const [first] = await mcpTools(paged([["x"]]));
    expect(await first?.run({}, context)).toBe('{"done":true}');
    await expect((async () => first?.run({}, { ...context, signal: AbortSignal.abort(new Error("enough")) }))()).rejects.toThrow("enough");
  });
});
