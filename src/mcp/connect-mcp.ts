/** Connects to a Model Context Protocol server; whatever goes wrong, no connection and no process is left behind. */
import * as z from "zod/mini";
import { AsimovError, messageOf, NonRetryableError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { maskText, REDACTED } from "#contract/base/secrets";
import type { Tool } from "#contract/chat/tool";
import { type McpClient, type McpToolsOptions, mcpTools, requireMcpOptions } from "./mcp-tools.ts";

export type McpServer =
  /** A process of one's own, spoken to over its standard input and output. */
  | { command: string; args?: string[]; env?: Record<string, string>; cwd?: string }
  /** A server elsewhere, over Streamable HTTP. */
  | { url: string; headers?: Record<string, string> };

const texts = z.record(z.string(), z.string());
const processSchema = lazily(() =>
  z.strictObject({
    command: nonEmpty,
    args: z.optional(z.array(z.string())),
    env: z.optional(texts),
    cwd: z.optional(z.string()),
  }),
);
const urlSchema = lazily(() => z.strictObject({ url: z.url({ protocol: /^https?$/ }), headers: z.optional(texts) }));

/**
 * Connects to a server and takes its tools. `close` ends the connection, and a process that was started for it.
 *
 * @throws AsimovError `invalid-options`, `mcp-connect-failed`; NonRetryableError `missing-package`
 * @example
 * const { tools, close } = await connectMcp({ command: "npx", args: ["some-mcp-server"] });
 * await client.toolChain(messages, tools);
 * await close();
 */
export async function connectMcp(server: McpServer, options: McpToolsOptions = {}): Promise<{ tools: Tool[]; close(): Promise<void> }> {
  const isRemote = typeof server === "object" && server !== null && "url" in server;
  parseOptions<unknown>(isRemote ? urlSchema() : processSchema(), server, "connectMcp");
  requireMcpOptions(options);
  const { Client } = await load(() => import("@modelcontextprotocol/client"));
  const client = new Client({ name: "asimov-agents", version: "0.1.0" });
  const transport = await transportTo(server);
  try {
    await client.connect(transport);
    return { tools: await mcpTools(client as unknown as McpClient, options), close: () => client.close() };
  } catch (error) {
    await client.close();
    const message = `No tools from the MCP server ${nameOf(server)}: ${shown(error, server)}. Check that it runs, and what it logs.`;
    throw new AsimovError(message, { code: "mcp-connect-failed" });
  }
}

const MAX_SHOWN = 300;

/** A server may repeat what it was sent. */
function shown(error: unknown, server: McpServer): string {
  const secrets = "url" in server ? Object.values(server.headers ?? {}).filter((value) => value !== "") : [];
  const told = messageOf(error).slice(0, MAX_SHOWN * 10);
  return maskText(secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), told)).slice(0, MAX_SHOWN);
}

/** Arguments, headers and the rest of an address may hold keys. */
const nameOf = (server: McpServer): string => ("url" in server ? new URL(server.url).origin : `"${server.command}"`);

async function transportTo(server: McpServer) {
  if ("url" in server) {
    const { StreamableHTTPClientTransport } = await load(() => import("@modelcontextprotocol/client"));
    const headers = server.headers === undefined ? {} : { requestInit: { headers: server.headers } };
    return new StreamableHTTPClientTransport(new URL(server.url), headers);
  }
  const { StdioClientTransport } = await load(() => import("@modelcontextprotocol/client/stdio"));
  return new StdioClientTransport(server);
}

async function load<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new NonRetryableError(
      "The package @modelcontextprotocol/client is not installed. Install it: npm install @modelcontextprotocol/client",
      { code: "missing-package" },
    );
  }
}
