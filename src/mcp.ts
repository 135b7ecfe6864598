/** The entry point `asimov-agents/mcp`: tools of Model Context Protocol servers, and agents as such a server. */
export { connectMcp, type McpConnectOptions, type McpServer } from "./mcp/connect-mcp.ts";
export type { McpCallOptions, McpClient, McpProgress, McpTool } from "./mcp/mcp-client.ts";
export { type McpToolsOptions, mcpTools } from "./mcp/mcp-tools.ts";
export { type McpAgentServer, type McpServeOptions, serveMcp } from "./mcp/serve-mcp.ts";
export type { McpServerLike, McpTransport, ServedAgent, ServedRun } from "./mcp/served-agent.ts";
