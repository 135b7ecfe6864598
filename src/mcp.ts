/** The entry point `asimov-agents/mcp`: tools of Model Context Protocol servers. */
export { connectMcp, type McpClient, type McpServer, type McpTool, type McpToolsOptions, mcpTools } from "./mcp/mcp-tools.ts";
