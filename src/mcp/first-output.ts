/** The first that a process prints, so that a server whose output is no MCP can be told from one that is slow: the client passes over such lines in silence. */
import type { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

interface Printing {
  on(name: "data", take: (chunk: Uint8Array) => void): void;
  off(name: "data", take: (chunk: Uint8Array) => void): void;
}

const MAX_KEPT = 4_096;

/** @returns what was printed so far, where it has a line and no message */
export function firstOutput(transport: StdioClientTransport): () => string | undefined {
  let printed = "";
  const start = transport.start.bind(transport);
  transport.start = () => {
    const started = start();
    // Its output is its own secret; without it an error says less.
    const { stdout } = (Reflect.get(transport, "_process") ?? {}) as { stdout?: Printing };
    const decoder = new TextDecoder();
    const take = (chunk: Uint8Array): void => {
      printed += decoder.decode(chunk.subarray(0, MAX_KEPT), { stream: true });
      if (printed.length >= MAX_KEPT) stdout?.off("data", take);
    };
    stdout?.on("data", take);
    return started;
  };
  return () => {
    const text = printed.trim();
    return text === "" || text.split("\n").some(isMessage) ? undefined : text;
  };
}

const isMessage = (line: string): boolean => line.startsWith('{"') && line.includes('"jsonrpc"');
