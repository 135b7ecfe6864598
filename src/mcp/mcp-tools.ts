/** Tools of a Model Context Protocol server as tools of ours: the server checks and runs, the model reads its results. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { type CompiledSchema, compileSchema, type JsonSchema } from "#contract/chat/schema";
import type { Tool, ToolContext } from "#contract/chat/tool";
import { contentOf } from "./contents.ts";
import type { McpCallOptions, McpClient, McpProgress, McpTool } from "./mcp-client.ts";
import { resourceTools } from "./resource-tools.ts";
import { adviceFor, type KnownServer, shownOf } from "./server-faults.ts";

export interface McpToolsOptions {
  /** Put before each name, so that the tools of two servers do not clash. Default none. */
  prefix?: string;
  /** Milliseconds that the server may take for one call; at least 1. Default 60,000. */
  timeoutMs?: number;
  /** Whether `timeoutMs` begins anew whenever the server tells how far a call is. Default false. */
  resetTimeoutOnProgress?: boolean;
  /** Whether a server with resources gets two more tools, `list_resources` and `read_resource`. Default false. */
  resources?: boolean;
}

/** Of a timer. */
export const limitMs = z.number().check(z.gte(1), z.lte(2_147_483_647));

export const toolsOptions = {
  prefix: z.optional(z.string()),
  timeoutMs: z.optional(limitMs),
  resetTimeoutOnProgress: z.optional(z.boolean()),
  resources: z.optional(z.boolean()),
};

const optionsSchema = lazily(() => z.strictObject(toolsOptions));

const MAX_NAME = 64;
/** A server that tells ever more pages would never be done with. */
const MAX_PAGES = 1_000;

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

/**
 * The server checks too: a schema that cannot be checked here passes its input on. Nor is such a schema told as one, since providers
 * refuse the whole request for it; the model reads it in the description.
 */
function schemaOf({
  name,
  description = name,
  inputSchema,
}: McpTool): Pick<Tool, "description" | "inputSchema"> & Pick<CompiledSchema, "check"> {
  const schema = inputSchema as JsonSchema;
  try {
    return { description, inputSchema: schema, check: compileSchema(schema, "MCP tool").check };
  } catch {
    const told = `${description} Its input, as its server describes it: ${JSON.stringify(schema)}`;
    return { description: told, inputSchema: { type: "object" }, check: async (value) => ({ value }) };
  }
}

/**
 * The tools of a connected client, all pages of them. What the server calls an error, and a call that it does not answer, throw an
 * AsimovError `mcp-tool-failed`, which a tool chain tells its model. How far a call is, as the server tells it, is told by `emit`.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * const tools = await mcpTools(client, { prefix: "files_", resources: true });
 * await model.toolChain(messages, tools);
 */
export async function mcpTools(client: McpClient, options: McpToolsOptions = {}): Promise<Tool[]> {
  parseOptions(optionsSchema(), options, "mcpTools");
  const name = client.getServerVersion?.()?.name;
  const called = name === undefined ? "The server" : `The server "${name}"`;
  return await toolsOf(client, options, { name: called, shown: (error) => shownOf(error), tellsCause: true });
}

const asTold = ({ progress, total, message }: McpProgress): McpProgress => ({
  progress,
  ...(total === undefined ? {} : { total }),
  ...(message === undefined ? {} : { message }),
});

/** @param listing of the requests that are made for that */
export async function toolsOf(client: McpClient, options: McpToolsOptions, server: KnownServer, listing?: McpCallOptions): Promise<Tool[]> {
  const { prefix = "", timeoutMs, resetTimeoutOnProgress = false, resources = false } = options;
  const taken = new Set<string>();
  const free = (name: string): string => {
    const found = nameFor(name, prefix, taken);
    taken.add(found);
    return found;
  };
  const ask = async <T>(
    name: string,
    { signal, emit }: Pick<ToolContext, "signal"> & Partial<ToolContext>,
    request: (options: McpCallOptions) => Promise<T>,
  ): Promise<T> => {
    const limits = { signal, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) };
    const telling = emit === undefined ? {} : { resetTimeoutOnProgress, onprogress: (progress: McpProgress) => emit(asTold(progress)) };
    try {
      return await request({ ...limits, ...telling });
    } catch (error) {
      signal.throwIfAborted();
      const message = `The MCP tool "${name}" gave no result: ${server.shown(error)}. ${adviceFor(error, server)}`;
      throw new AsimovError(message, { code: "mcp-tool-failed", ...(server.tellsCause === true ? { cause: error } : {}) });
    }
  };
  const tools = (await listAll(client, listing)).map((tool) => ({
    name: free(tool.name),
    ...schemaOf(tool),
    async run(input: unknown, context: ToolContext) {
      const given = { name: tool.name, arguments: (input ?? {}) as Record<string, unknown> };
      const result = await ask(tool.name, context, (limits) => client.callTool(given, limits));
      return contentOf(tool.name, result as Parameters<typeof contentOf>[1]);
    },
  }));
  return resources ? [...tools, ...resourceTools(client, { nameFor: free, ask, show: contentOf })] : tools;
}

async function listAll(client: McpClient, options: McpCallOptions | undefined): Promise<McpTool[]> {
  const tools: McpTool[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor }, options);
    tools.push(...page.tools);
    cursor = page.nextCursor;
    if (cursor !== undefined && (seen.has(cursor) || seen.size >= MAX_PAGES)) break;
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
  return tools;
}
