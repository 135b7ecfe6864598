/** The entry point `asimov-agents/mcp`: tools of Model Context Protocol servers. */
export { connectMcp, type McpServer } from "./mcp/connect-mcp.ts";
export { type McpClient, type McpTool, type McpToolsOptions, mcpTools } from "./mcp/mcp-tools.ts";
