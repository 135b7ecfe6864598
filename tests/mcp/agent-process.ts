/** A real process that serves an agent over its standard input and output. */
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { Agent, defineModule, FileStore, Node } from "asimov-agents";
import { serveMcp } from "asimov-agents/mcp";

const work = defineModule({
  name: "work",
  process: async ({ task, signal, emit }) => {
    emit({ type: "begun", message: `process ${process.pid}` });
    if (task.objective === "hang") await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return { status: "success", result: `done: ${task.objective}` };
  },
});
const [, , dir = ""] = process.argv;
const agent = new Agent({ name: "served", store: new FileStore({ dir }), nodes: [new Node({ name: "work", modules: [work] })] });
const transport = new StdioServerTransport();
const { close } = await serveMcp(agent, { transport, onDisconnect: "park" });
// A client that goes away closes what this process reads.
process.stdin.once("end", () => void close());
