/** A server that speaks the protocol line by line, without the maker's own checks: it says and does what a broken server may. */
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [mode = "tools", pidFile] = process.argv.slice(2);
if (mode === "exits") process.exit(3);
if (mode === "prints") console.log(`Listening for ${process.env.TEAM}`);
if (mode === "stubborn") {
  process.on("SIGTERM", () => {});
  setInterval(() => {}, 1_000);
}
/** Of a server that says nothing its caller learns the process in this way. */
if (pidFile !== undefined && mode !== "tells") writeFileSync(pidFile, String(process.pid));

interface Call {
  id?: number;
  method: string;
  params?: {
    name?: string;
    arguments?: { size?: number };
    cursor?: string;
    requestId?: number;
    uri?: string;
    _meta?: { progressToken?: number };
  };
}
const send = (message: object): void => void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const cancelled: unknown[] = [];
const text = (value: string) => ({ content: [{ type: "text", text: value }] });
const object = { type: "object" };

const tools = [
  { name: "die", inputSchema: object },
  { name: "hang", inputSchema: object },
  { name: "cancelled", inputSchema: object },
  { name: "huge", inputSchema: { type: "object", properties: { size: { type: "number" } } } },
  { name: "refuse", inputSchema: object },
  { name: "say nothing", inputSchema: object },
  { name: "mixed", inputSchema: object },
  { name: "odd result", inputSchema: object },
  {
    name: "odd schema",
    inputSchema: { type: "object", properties: { a: { $ref: "#/nowhere" }, b: { type: "whatever" } }, required: ["a"] },
  },
  { name: "count", inputSchema: object },
  { name: "odd output", inputSchema: object, outputSchema: { type: "object", properties: { a: { type: "whatever" } } } },
];

/** @returns the result; `undefined` where there is none yet */
function call({ name, arguments: input, _meta: { progressToken } = {} }: NonNullable<Call["params"]>): object | undefined {
  switch (name) {
    case "count":
      for (const progress of [1, 2]) {
        const told = { progressToken, progress, ...(progress === 1 ? { total: 2, message: "half" } : {}) };
        send({ method: "notifications/progress", params: told });
      }
      send({ method: "notifications/progress", params: { progressToken: 999, progress: 1 } });
      return text("counted");
    case "die":
      process.exit(3);
      break;
    case "hang":
      return undefined;
    case "cancelled":
      return text(JSON.stringify(cancelled));
    case "huge":
      return text("x".repeat(input?.size ?? 0));
    case "refuse":
      return { isError: true, content: [] };
    case "say nothing":
      return { content: [] };
    case "mixed":
      return {
        content: [
          { type: "text", text: "seen" },
          { type: "image", data: "AAAA", mimeType: "image/png" },
          { type: "audio", data: "BBBB", mimeType: "audio/wav" },
          { type: "resource_link", uri: "file:///a.txt", name: "a.txt" },
          { type: "resource", resource: { uri: "file:///b.txt", text: "of b" } },
          { type: "resource", resource: { uri: "file:///c.pdf", blob: "CCCC", mimeType: "application/pdf" } },
        ],
      };
    case "odd result":
      return { content: "no list" };
    case "odd schema":
      return text(`got ${JSON.stringify(input)}`);
    default:
      return { ...text("fine"), structuredContent: { a: 1 } };
  }
}

const capabilities = { tools: {}, ...(mode === "resources" ? { resources: {} } : {}) };

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params = {} } = JSON.parse(line) as Call;
  if (mode === "silent" || mode === "stubborn" || mode === "prints") return;
  switch (method) {
    case "initialize":
      if (mode === "noisy") process.stdout.write("Listening...\n");
      send({ id, result: { protocolVersion: "2025-06-18", capabilities, serverInfo: { name: "raw", version: "1" } } });
      break;
    case "notifications/cancelled":
      cancelled.push(params.requestId);
      break;
    case "tools/list":
      if (mode === "refuses") send({ id, error: { code: -32_603, message: `no list today, says process ${process.pid}` } });
      else if (mode === "tells") {
        send({ id, error: { code: -32_603, message: `no list for ${process.argv.slice(3).join(" ")} of ${process.env.TEAM}` } });
      } else if (mode === "lists never") break;
      else if (mode === "loops") send({ id, result: { tools: [tools[0]], nextCursor: "again" } });
      else send({ id, result: { tools } });
      break;
    case "tools/call": {
      const result = call(params);
      if (result !== undefined) send({ id, result });
      break;
    }
    case "resources/list":
      send({ id, result: { resources: [{ uri: "note://1", name: "one" }] } });
      break;
    case "resources/read":
      if (params.uri === "note://1") send({ id, result: { contents: [{ uri: params.uri, text: "first note" }] } });
      else if (params.uri === "photo://1") send({ id, result: { contents: [{ uri: params.uri, mimeType: "image/png", blob: "AAAA" }] } });
      else send({ id, error: { code: -32_602, message: "no such resource" } });
      break;
    default:
      if (id !== undefined) send({ id, error: { code: -32_601, message: "unknown" } });
  }
});
