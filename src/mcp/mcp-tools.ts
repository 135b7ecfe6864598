/** Tools of a Model Context Protocol server as tools of ours: the server checks and runs, the model reads its results. */
import { AsimovError, NonRetryableError } from "../contract/errors.ts";
import { type CompiledSchema, compileSchema, type JsonSchema } from "../contract/schema.ts";
import type { Tool } from "../contract/tool.ts";

/** What is used of `Client` of `@modelcontextprotocol/client`. */
export interface McpClient {
  listTools(params?: { cursor?: string }): Promise<{ tools: McpTool[]; nextCursor?: string | undefined }>;
  callTool(params: { name: string; arguments?: Record<string, unknown> }, options?: { signal?: AbortSignal }): Promise<unknown>;
}

export interface McpTool {
  name: string;
  description?: string | undefined;
  inputSchema: object;
}

export interface McpToolsOptions {
  /** Put before each name, so that the tools of two servers do not clash. Default none. */
  prefix?: string;
}

const MAX_NAME = 64;

/** Providers take letters, digits, `_` and `-`; servers take more. */
function nameFor(name: string, prefix: string, taken: ReadonlySet<string>): string {
  const plain = `${prefix}${name}`
    .replace(/[^\w-]/g, "_")
    .replace(/^(?![A-Za-z_])/, "_")
    .slice(0, MAX_NAME);
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? "" : `_${count}`;
    const candidate = plain.slice(0, MAX_NAME - suffix.length) + suffix;
    if (!taken.has(candidate)) return candidate;
  }
}

/** The server checks too: a schema that cannot be checked here passes its input on. */
function checkerOf(schema: JsonSchema): Pick<CompiledSchema, "check"> {
  try {
    return compileSchema(schema, "MCP tool");
  } catch {
    return { check: async (value) => ({ value }) };
  }
}

interface Content {
  type?: string;
  text?: string;
}

/** @throws AsimovError `mcp-tool-failed` with what the server says, for the model to read */
function textOfResult(name: string, result: { content?: Content[]; structuredContent?: unknown; isError?: boolean }): string {
  const { content = [], structuredContent, isError } = result;
  const texts = content.map(({ type, text }) => (type === "text" ? (text ?? "") : `(${type ?? "unknown"} content, which cannot be shown)`));
  const text = texts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : texts.join("\n");
  if (isError === true) throw new AsimovError(text === "" ? `The MCP tool "${name}" failed.` : text, { code: "mcp-tool-failed" });
  return text;
}

/**
 * The tools of a connected client, all pages of them.
 *
 * @example
 * const { tools, close } = await connectMcp({ command: "npx", args: ["some-mcp-server"] });
 * await client.toolChain(messages, tools);
 * await close();
 */
export async function mcpTools(client: McpClient, { prefix = "" }: McpToolsOptions = {}): Promise<Tool[]> {
  const listed: McpTool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    listed.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  const taken = new Set<string>();
  return listed.map((tool) => {
    const name = nameFor(tool.name, prefix, taken);
    taken.add(name);
    const inputSchema = tool.inputSchema as JsonSchema;
    const { check } = checkerOf(inputSchema);
    return {
      name,
      description: tool.description ?? tool.name,
      inputSchema,
      check,
      async run(input, { signal }) {
        const given = { name: tool.name, arguments: (input ?? {}) as Record<string, unknown> };
        return textOfResult(name, (await client.callTool(given, { signal })) as Parameters<typeof textOfResult>[1]);
      },
    };
  });
}

export type McpServer =
  /** A process of one's own, spoken to over its standard input and output. */
  | { command: string; args?: string[]; env?: Record<string, string>; cwd?: string }
  /** A server elsewhere, over Streamable HTTP. */
  | { url: string; headers?: Record<string, string> };

/**
 * Connects to a server and takes its tools. `close` ends the connection, and a process that was started for it.
 *
 * @throws NonRetryableError `missing-package`
 */
export async function connectMcp(server: McpServer, options: McpToolsOptions = {}): Promise<{ tools: Tool[]; close(): Promise<void> }> {
  const { Client, StreamableHTTPClientTransport } = await load(() => import("@modelcontextprotocol/client"));
  const client = new Client({ name: "asimov-agents", version: "0.1.0" });
  if ("url" in server) {
    const headers = server.headers === undefined ? {} : { requestInit: { headers: server.headers } };
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url), headers));
  } else {
    const { StdioClientTransport } = await load(() => import("@modelcontextprotocol/client/stdio"));
    await client.connect(new StdioClientTransport(server));
  }
  try {
    return { tools: await mcpTools(client as unknown as McpClient, options), close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function load<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new NonRetryableError(
      "The package @modelcontextprotocol/client is not installed. Install it: npm install @modelcontextprotocol/client",
      {
        code: "missing-package",
      },
    );
  }
}
