/** The client of the protocol as far as it is used here, so that no other package need be installed for its types. */

/** How far a call is, as its server tells it. */
export interface McpProgress {
  /** Grows with each notice. */
  progress: number;
  total?: number | undefined;
  message?: string | undefined;
}

/** What one request is given. */
export interface McpCallOptions {
  signal?: AbortSignal;
  /** Milliseconds. */
  timeout?: number;
  onprogress?: (progress: McpProgress) => void;
  resetTimeoutOnProgress?: boolean;
}

/** What is used of `Client` of `@modelcontextprotocol/client`. */
export interface McpClient {
  listTools(params?: { cursor?: string }, options?: McpCallOptions): Promise<{ tools: McpTool[]; nextCursor?: string | undefined }>;
  callTool(params: { name: string; arguments?: Record<string, unknown> }, options?: McpCallOptions): Promise<unknown>;
  /** By what it calls itself it is named in errors. */
  getServerVersion?(): { name: string } | undefined;
  getServerCapabilities?(): { resources?: object | undefined } | undefined;
  /** This and the two that follow for `resources` alone. */
  listResources?(params?: object, options?: McpCallOptions): Promise<{ resources: readonly object[] }>;
  listResourceTemplates?(params?: object, options?: McpCallOptions): Promise<{ resourceTemplates: readonly object[] }>;
  readResource?(params: { uri: string }, options?: McpCallOptions): Promise<{ contents: readonly object[] }>;
}

export interface McpTool {
  name: string;
  description?: string | undefined;
  inputSchema: object;
}
