/** Tools of a real server process, over its standard input and output. */
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChatRole } from "../../src/contract/vocabulary.ts";
import { connectMcp, type McpClient, mcpTools } from "../../src/mcp.ts";
import { ScriptedInferenceClient } from "../../src/testing/scripted-inference-client.ts";

const server = { command: process.execPath, args: [fileURLToPath(new URL("server-process.ts", import.meta.url))] };
const context = { signal: new AbortController().signal, toolUseId: "t1", idempotencyKey: "k1", stop: () => {} };
let connection: Awaited<ReturnType<typeof connectMcp>>;

beforeEach(async () => {
  connection = await connectMcp(server, { prefix: "calc_" });
});
afterEach(async () => {
  await connection.close();
});

const tool = (name: string) => {
  const found = connection.tools.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`no tool ${name}`);
  return found;
};

describe("tools of an MCP server", () => {
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

  it("gives structured content where there is no text, and hands the signal on", async () => {
    const [first] = await mcpTools(paged([["x"]]));
    expect(await first?.run({}, context)).toBe('{"done":true}');
    await expect((async () => first?.run({}, { ...context, signal: AbortSignal.abort(new Error("enough")) }))()).rejects.toThrow("enough");
  });
});
