/** Connects to a Model Context Protocol server; whatever goes wrong, no connection and no process is left behind. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { loadPackage } from "#contract/base/load-package";
import { nonEmpty, parseOptions, signalSchema } from "#contract/base/options";
import { REDACTED } from "#contract/base/secrets";
import type { Tool } from "#contract/chat/tool";
import { cancellingFetch } from "./cancelling-fetch.ts";
import { Connection } from "./connection.ts";
import { firstOutput } from "./first-output.ts";
import { limitedFetch } from "./limited-fetch.ts";
import type { McpClient } from "./mcp-client.ts";
import { limitMs, type McpToolsOptions, toolsOf, toolsOptions } from "./mcp-tools.ts";
import { adviceFor, type KnownServer, type Refusal, refusalOf, shownOf } from "./server-faults.ts";

export type McpServer =
  /** A process of one's own, spoken to over its standard input and output. */
  | { command: string; args?: string[]; env?: Record<string, string>; cwd?: string }
  /** A server elsewhere, over Streamable HTTP. */
  | { url: string; headers?: Record<string, string> };

export interface McpConnectOptions extends McpToolsOptions {
  /** Ends the connecting, which rejects with its reason; what is connected is ended by `close`. */
  signal?: AbortSignal;
  /** Milliseconds until the server has told its tools, a start of its process included; at least 1. Default 60,000. */
  connectTimeoutMs?: number;
  /** Bytes of one message of the server, at least 1; a larger one closes the connection. Default 10,485,760. */
  maxMessageBytes?: number;
}

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
const optionsSchema = lazily(() =>
  z.strictObject({
    ...toolsOptions,
    signal: z.optional(signalSchema),
    connectTimeoutMs: z.optional(limitMs),
    maxMessageBytes: z.optional(z.int().check(z.gte(1))),
  }),
);

const CLIENT = "@modelcontextprotocol/client";
/** Its own limit is that of one request: ours is of all that connecting takes. */
const NO_LIMIT_MS = 2_147_483_647;

/**
 * Connects to a server and takes its tools. `close` ends the connection, and a process that was started for it; a second time it is the same.
 *
 * @throws AsimovError `invalid-options`, `mcp-connect-failed`; NonRetryableError `missing-package`; the reason of the signal
 * @example
 * const { tools, close } = await connectMcp({ command: "npx", args: ["some-mcp-server"] }, { connectTimeoutMs: 20_000, resources: true });
 * await client.toolChain(messages, tools);
 * await close();
 */
export async function connectMcp(server: McpServer, options: McpConnectOptions = {}): Promise<{ tools: Tool[]; close(): Promise<void> }> {
  const isRemote = typeof server === "object" && server !== null && "url" in server;
  if (isRemote && "command" in server)
    throw new AsimovError("connectMcp: give either command or url; got both.", { code: "invalid-options" });
  parseOptions<unknown>(isRemote ? urlSchema() : processSchema(), server, "connectMcp");
  parseOptions(optionsSchema(), options, "connectMcp");
  const { signal, connectTimeoutMs = 60_000, maxMessageBytes = 10_485_760, ...ofTools } = options;
  const { Client } = await loadPackage(CLIENT, () => import("@modelcontextprotocol/client"));
  signal?.throwIfAborted();
  const client = new Client({ name: "asimov-agents", version: "0.1.0" });
  const known = knownServer(server);
  const tooLarge = (): void => {
    known.hasSaidTooMuch = true;
    void client.close().catch(() => {});
  };
  client.onerror = ({ message }) => {
    if (message.startsWith("ReadBuffer exceeded")) known.hasSaidTooMuch = true;
  };
  const transport = await transportTo(server, maxMessageBytes, known, tooLarge);
  const connection = new Connection(client, transport);
  try {
    const tools = await connection.within(connectTimeoutMs, signal, async (given) => {
      const listing = { signal: given, timeout: NO_LIMIT_MS };
      await client.connect(transport, listing);
      return await toolsOf(client as unknown as McpClient, ofTools, known, listing);
    });
    return { tools, close: () => connection.close() };
  } catch (error) {
    await connection.close();
    signal?.throwIfAborted();
    const message = `No tools from the MCP server ${known.name}: ${known.shown(error)}. ${adviceFor(error, known)}`;
    throw new AsimovError(message, { code: "mcp-connect-failed" });
  }
}

interface Known extends KnownServer {
  hasSaidTooMuch: boolean;
  refusal?: Refusal | undefined;
}

/** A server may repeat what it was sent; arguments, the environment, headers and the rest of an address may hold keys. */
function knownServer(server: McpServer): Known {
  const name = "url" in server ? new URL(server.url).origin : `"${server.command}"`;
  const secrets = secretsOf(server).toSorted((one, other) => other.length - one.length);
  const hide = (text: string): string => secrets.reduce((told, secret) => told.replaceAll(secret, REDACTED), text);
  return { name, shown: (error) => shownOf(error, hide), hasSaidTooMuch: false };
}

/** What is shorter is a flag or a word, which is all over a message. */
const MIN_SECRET = 8;

/** Of a header all, however short; of the others each that is no mere word, and what of it stands behind a name, as in `--key=…`. */
function secretsOf(server: McpServer): string[] {
  const headers = "url" in server ? Object.values(server.headers ?? {}) : [];
  const others = "url" in server ? queryOf(new URL(server.url)) : [...Object.values(server.env ?? {}), ...(server.args ?? [])];
  const parts = [...headers, ...others].flatMap((value) => [value, ...value.split(/[\s=]/)]);
  return [...headers.filter((value) => value !== ""), ...parts.filter((value) => value.length >= MIN_SECRET)];
}

const queryOf = ({ searchParams, username, password }: URL): string[] => [...searchParams.values(), username, password];

async function transportTo(server: McpServer, maxBytes: number, known: Known, onTooLarge: () => void) {
  if ("url" in server) {
    const { StreamableHTTPClientTransport } = await loadPackage(CLIENT, () => import("@modelcontextprotocol/client"));
    const headers = server.headers === undefined ? {} : { requestInit: { headers: server.headers } };
    const limited = limitedFetch(maxBytes, onTooLarge);
    const watched: typeof limited = async (url, init) => {
      const response = await limited(url, init);
      if (init?.method === "POST") known.refusal = refusalOf(response);
      return response;
    };
    return new StreamableHTTPClientTransport(new URL(server.url), { ...headers, fetch: cancellingFetch(watched) });
  }
  const { StdioClientTransport } = await loadPackage(CLIENT, () => import("@modelcontextprotocol/client/stdio"));
  const transport = new StdioClientTransport({ ...server, maxBufferSize: maxBytes });
  known.printed = firstOutput(transport);
  return transport;
}
