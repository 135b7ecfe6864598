/** A real MCP server on standard input and output. */
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const server = new McpServer({ name: "calculator", version: "1.0.0" });
server.registerTool("add.numbers", { description: "Adds", inputSchema: z.object({ a: z.number(), b: z.number() }) }, async ({ a, b }) => ({
  content: [{ type: "text", text: String(a + b) }],
}));
server.registerTool("fail", { description: "Fails", inputSchema: z.object({}) }, async () => ({
  isError: true,
  content: [{ type: "text", text: "out of paper" }],
}));
server.registerTool("whoami", { description: "Tells its process", inputSchema: z.object({}) }, async () => ({
  content: [{ type: "text", text: String(process.pid) }],
}));
await server.connect(new StdioServerTransport());
