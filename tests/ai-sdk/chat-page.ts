/** A page with `useChat` of the AI SDK, as a user would write one, and the server of its chats. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeUIMessageStreamToResponse } from "ai";
import type { UiMessageChunk } from "asimov-agents/ai-sdk";
import { build } from "esbuild";
import { ROOT } from "../support/program.ts";
import type { Message } from "./read.ts";

/** Says one thing, approves what it is asked, and tells what it shows when the chat is at rest and `isOver` holds. */
const PAGE = `
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from "ai";
import { createElement as h, useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";

const shown = [];

function Part({ part }) {
  if (part.type === "text") return h("p", null, part.text);
  if (part.type === "reasoning") return h("i", null, part.text);
  if (part.type === "data-node") return h("b", null, part.data.node + ": " + part.data.status);
  if (part.type.startsWith("tool-")) return h("code", null, part.type + " " + part.state + " " + JSON.stringify(part.output ?? part.input));
  return null;
}

function Chat() {
  const { messages, status, error, sendMessage, addToolApprovalResponse } = useChat({
    transport: new DefaultChatTransport({ api: "/chat" }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const hasBegun = useRef(false);
  useEffect(() => {
    if (hasBegun.current) return;
    hasBegun.current = true;
    sendMessage({ text: "Go" });
  }, []);
  useEffect(() => {
    const text = document.getElementById("chat").innerText;
    if (shown.at(-1) !== text) {
      shown.push(text);
      fetch("/shown", { method: "POST", body: text });
    }
    const last = messages.at(-1);
    const asked = last?.parts.find((part) => part.state === "approval-requested");
    if (status === "ready" && asked !== undefined) return void addToolApprovalResponse({ id: asked.approval.id, approved: true });
    const isAnswered = last?.role === "assistant" && !last.parts.some((part) => part.state === "approval-responded");
    if ((status === "ready" && isAnswered) || status === "error") {
      const body = JSON.stringify({ messages, status, error: error?.message, shown });
      fetch("/told", { method: "POST", body });
    }
  });
  return h("div", { id: "chat" }, messages.flatMap(({ id, role, parts }) =>
    role === "user" ? [] : parts.map((part, at) => h(Part, { part, key: id + at }))));
}
createRoot(document.getElementById("root")).render(h(Chat));
`;

const HTML = '<!doctype html><title>Chat</title><div id="root"></div><script type="module" src="/page.js"></script>';

export interface ToldByPage {
  messages: Message[];
  status: string;
  error?: string;
  /** The page's text, as it changed. */
  shown: string[];
}

async function pageCode(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: ROOT, loader: "js" },
    ...{ bundle: true, write: false, format: "esm", platform: "browser", logLevel: "silent" },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return outputFiles[0]?.text as string;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

/** What a chat gives to the messages that its page has. */
export type ChatAnswer = (messages: Message[]) => Promise<ReadableStream<UiMessageChunk>>;

/** @param onShown told of the page's text, whenever it has changed */
export async function serveChat(answer: ChatAnswer, onShown: (text: string) => void = () => {}) {
  const code = await pageCode();
  const told = Promise.withResolvers<ToldByPage>();
  const server = createServer(async (request, response) => {
    try {
      if (request.url === "/chat") {
        const { messages } = JSON.parse(await textOf(request)) as { messages: Message[] };
        await pipeUIMessageStreamToResponse({ response, stream: await answer(messages) });
      } else if (request.url === "/shown") {
        onShown(await textOf(request));
        response.end();
      } else if (request.url === "/told") {
        told.resolve(JSON.parse(await textOf(request)) as ToldByPage);
        response.end();
      } else {
        response.setHeader("content-type", request.url === "/page.js" ? "text/javascript" : "text/html");
        response.end(request.url === "/page.js" ? code : HTML);
      }
    } catch (error) {
      told.reject(error);
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told: told.promise,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
