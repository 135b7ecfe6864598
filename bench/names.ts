/** Contenders as the tables name them. */
export const OURS = "asimov-agents";
/** Parts of a run, which are compared with one another. */
export const ITEMS = "items";
export const NODES = "nodes";
/** The two ways to be shown an answer. */
export const STREAMED = "stream";
export const CHAIN_SHOWN = "streamChain";
export const FLOOR = "bare XState";
export const LANGGRAPH = "LangGraph.js";
export const MASTRA = "Mastra";
export const EFFECT = "Effect";
export const AI_SDK_STREAMED = "AI SDK, streamText";
export const AI_SDK_WHOLE = "AI SDK, generateText";
export const RAW = "raw SDK";
export const IN_MEMORY = "MemoryStore";
export const IN_FILES = "FileStore";
export const IN_SQLITE = "SqliteStore";
export const IN_REDIS = "RedisStore";
export const IN_POSTGRES = "PostgresStore";
export const BULLMQ = "bare BullMQ";
export const MEMORY_SAVER = "LangGraph.js, MemorySaver";
export const SQLITE_SAVER = "LangGraph.js, SqliteSaver";
export const BARE_NODE = "bare Node";
