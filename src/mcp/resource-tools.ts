/** Resources of a server as two tools, by which a model looks up what there is and reads what it needs. */
import { AsimovError } from "#contract/base/errors";
import type { JsonSchema } from "#contract/chat/schema";
import { defineTool, type Tool } from "#contract/chat/tool";
import type { McpCallOptions, McpClient } from "./mcp-client.ts";

/** What a client must have for that. */
type ResourceClient = McpClient & Required<Pick<McpClient, "listResources" | "listResourceTemplates" | "readResource">>;

const canRead = (client: McpClient): client is ResourceClient =>
  client.listResources !== undefined && client.listResourceTemplates !== undefined && client.readResource !== undefined;

const nothing: JsonSchema = { type: "object", properties: {} };
const byUri: JsonSchema = {
  type: "object",
  properties: { uri: { type: "string", description: "As it was listed; of a template with its places filled in" } },
  required: ["uri"],
};

const METHOD_NOT_FOUND = -32_601;

/** Few servers have templates, and not all say so that have none. */
async function templatesOf(client: ResourceClient, options: McpCallOptions): Promise<readonly object[]> {
  try {
    return (await client.listResourceTemplates(undefined, options)).resourceTemplates;
  } catch (error) {
    if ((error as { code?: unknown }).code === METHOD_NOT_FOUND) return [];
    throw error;
  }
}

interface Asking {
  /** The name that a tool gets. */
  nameFor(name: string): string;
  /** How a request is made: within its limits, and with errors of ours. */
  ask<T>(name: string, context: { signal: AbortSignal }, request: (options: McpCallOptions) => Promise<T>): Promise<T>;
  /** What a model reads of contents. @throws AsimovError `mcp-tool-failed` */
  show(name: string, result: { content: { type: string; resource: object }[] }): unknown;
}

/** None where the server says that it has no resources. @throws AsimovError `invalid-options` for a client that cannot read any */
export function resourceTools(client: McpClient, { nameFor, ask, show }: Asking): Tool[] {
  if (!canRead(client)) {
    throw new AsimovError("mcpTools: resources: expected a client with listResources, listResourceTemplates and readResource.", {
      code: "invalid-options",
    });
  }
  if (client.getServerCapabilities !== undefined && client.getServerCapabilities()?.resources === undefined) return [];
  const list = defineTool({
    name: nameFor("list_resources"),
    description: "Lists the resources of the server: what can be read, each by its URI, and templates of URIs",
    input: nothing,
    run: async (_input, context) => {
      const [{ resources }, templates] = await ask("list_resources", context, (options) =>
        Promise.all([client.listResources(undefined, options), templatesOf(client, options)]),
      );
      return { resources, ...(templates.length === 0 ? {} : { templates }) };
    },
  });
  const read = defineTool({
    name: nameFor("read_resource"),
    description: `Reads a resource of the server, by its URI as ${list.name} tells it`,
    input: byUri,
    run: async (input, context) => {
      const { uri } = input as { uri: string };
      const { contents } = await ask("read_resource", context, (options) => client.readResource({ uri }, options));
      return show("read_resource", { content: contents.map((resource) => ({ type: "resource", resource })) });
    },
  });
  return [list, read];
}
