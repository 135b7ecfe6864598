/** The entry point `asimov-agents/mcp`: tools of Model Context Protocol servers, and agents as such a server. */
export { connectMcp, type McpConnectOptions, type McpServer } from "./mcp/connect-mcp.ts";
export type { McpCallOptions, McpClient, McpProgress, McpTool } from "./mcp/mcp-client.ts";
export { type McpToolsOptions, mcpTools } from "./mcp/mcp-tools.ts";
