/** Tools of a Model Context Protocol server as tools of ours: the server checks and runs, the model reads its results. */
import * as z from "zod/mini";
import { AsimovError, messageOf } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { type FileBlock, type TextBlock, type ToolResultBlock, textOfResult } from "#contract/chat/message";
import { type CompiledSchema, compileSchema, type JsonSchema } from "#contract/chat/schema";
import type { Tool } from "#contract/chat/tool";

/** What is used of `Client` of `@modelcontextprotocol/client`. */
export interface McpClient {
  listTools(params?: { cursor?: string }): Promise<{ tools: McpTool[]; nextCursor?: string | undefined }>;
  callTool(
    params: { name: string; arguments?: Record<string, unknown> },
    options?: { signal?: AbortSignal; timeout?: number },
  ): Promise<unknown>;
}

export interface McpTool {
  name: string;
  description?: string | undefined;
  inputSchema: object;
}

export interface McpToolsOptions {
  /** Put before each name, so that the tools of two servers do not clash. Default none. */
  prefix?: string;
  /** Milliseconds that the server may take for one call; at least 1. Default 60,000. */
  timeoutMs?: number;
}

const optionsSchema = lazily(() =>
  z.strictObject({
    prefix: z.optional(z.string()),
    timeoutMs: z.optional(z.number().check(z.gte(1), z.lte(2_147_483_647))),
  }),
);

/** @throws AsimovError `invalid-options` */
export const requireMcpOptions = (options: McpToolsOptions): void => void parseOptions(optionsSchema(), options, "mcpTools");

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

interface Content {
  type?: string;
  text?: string;
  uri?: string;
  data?: string;
  mimeType?: string;
  resource?: { uri?: string; text?: string; blob?: string; mimeType?: string };
}

type Part = TextBlock | FileBlock;

/** Where the server tells none. */
const UNKNOWN_TYPE = "application/octet-stream";

const said = (text: string): Part => ({ type: "text", text });

function partOf({ type = "unknown", text, uri, data, mimeType, resource }: Content): Part {
  if (type === "text") return said(text ?? "");
  if ((type === "image" || type === "audio") && data !== undefined) return { type: "file", mediaType: mimeType ?? `${type}/*`, data };
  if (type === "resource_link") return said(`(a resource: ${uri})`);
  if (resource?.text !== undefined) return said(resource.text);
  if (resource?.blob !== undefined) {
    const name = resource.uri === undefined ? {} : { name: resource.uri };
    return { type: "file", mediaType: resource.mimeType ?? UNKNOWN_TYPE, data: resource.blob, ...name };
  }
  return said(`(${type} content, which cannot be shown)`);
}

/** @throws AsimovError `mcp-tool-failed` with what the server says, for the model to read */
function contentOf(
  name: string,
  result: { content?: Content[]; structuredContent?: unknown; isError?: boolean },
): ToolResultBlock["content"] {
  const { content = [], structuredContent, isError } = result;
  const parts = content.length === 0 && structuredContent !== undefined ? [said(JSON.stringify(structuredContent))] : content.map(partOf);
  const text = textOfResult(parts);
  if (isError === true) throw new AsimovError(text === "" ? `The MCP tool "${name}" failed.` : text, { code: "mcp-tool-failed" });
  return parts.some((part) => part.type === "file") ? parts : text;
}

/**
 * The tools of a connected client, all pages of them. What the server calls an error, and a call that it does not answer, throw an
 * AsimovError `mcp-tool-failed`, which a tool chain tells its model.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * const tools = await mcpTools(client, { prefix: "files_" });
 * await model.toolChain(messages, tools);
 */
export async function mcpTools(client: McpClient, options: McpToolsOptions = {}): Promise<Tool[]> {
  requireMcpOptions(options);
  const { prefix = "", timeoutMs } = options;
  const taken = new Set<string>();
  return (await listAll(client)).map((tool) => {
    const name = nameFor(tool.name, prefix, taken);
    taken.add(name);
    return {
      name,
      ...schemaOf(tool),
      async run(input, { signal }) {
        const given = { name: tool.name, arguments: (input ?? {}) as Record<string, unknown> };
        const limits = { signal, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) };
        const result = await client.callTool(given, limits).catch((error: unknown) => {
          signal.throwIfAborted();
          const message = `The MCP tool "${tool.name}" gave no result: ${messageOf(error)}`;
          throw new AsimovError(message, { code: "mcp-tool-failed", cause: error });
        });
        return contentOf(tool.name, result as Parameters<typeof contentOf>[1]);
      },
    };
  });
}

async function listAll(client: McpClient): Promise<McpTool[]> {
  const tools: McpTool[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
    if (cursor !== undefined && (seen.has(cursor) || seen.size >= MAX_PAGES)) break;
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
  return tools;
}
