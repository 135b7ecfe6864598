/** A page of `useChat` in Chromium, whose chat is a chain, a run that asks, and one that fails. */
import { Agent, ChatRole, defineModule, defineTool, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { toUiMessageStream } from "asimov-agents/ai-sdk";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { withPage } from "../support/chromium.ts";
import { type ChatAnswer, serveChat, type ToldByPage } from "./chat-page.ts";
import type { Message } from "./read.ts";

const add = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => ({ sum: a + b }),
});

async function shownOf(answer: ChatAnswer, onShown?: (text: string) => void): Promise<ToldByPage> {
  const server = await serveChat(answer, onShown);
  try {
    return await withPage(server.url, server.told);
  } finally {
    await server.close();
  }
}

const askedIn = (messages: readonly Message[]): string =>
  messages.flatMap(({ parts }) => parts).flatMap((part) => (part.type === "text" ? [part.text] : []))[0] ?? "";

describe("a page of useChat", () => {
  it("shows a chain while it runs: thoughts, text, a call with its input and result, and what it cost", async () => {
    // What the page does not show while the chain runs keeps the model waiting.
    const second = Promise.withResolvers<void>();
    const client = new ScriptedInferenceClient([
      { thinking: "Hm.", text: "Let me add.", toolCalls: [{ name: "add", input: { a: 1, b: 2 }, id: "call_a" }] },
      async () => {
        await second.promise;
        return "It is 3.";
      },
    ]);
    const told = await shownOf(
      async (messages) => toUiMessageStream(client.streamChain([{ role: ChatRole.USER, content: askedIn(messages) }], [add])),
      (text) => {
        if (text.includes('{"sum":3}')) second.resolve();
      },
    );
    expect(told).toMatchObject({
      status: "ready",
      messages: [{ role: "user" }, { role: "assistant", metadata: { stopReason: "finished" } }],
    });
    expect(told.shown.at(-1)).toBe('Hm.\n\nLet me add.\n\ntool-add output-available {"sum":3}\n\nIt is 3.');
  });

  it("shows a run that is put down while a person decides, and goes on in the same message when they have", async () => {
    const sent: string[] = [];
    const send = defineTool({
      name: "send",
      description: "Sends a letter",
      input: z.object({ to: z.string() }),
      needsApproval: true,
      run: ({ to }) => {
        sent.push(to);
        return `sent to ${to}`;
      },
    });
    const client = new ScriptedInferenceClient([
      { text: "I would send it.", toolCalls: [{ name: "send", input: { to: "Ada" }, id: "call_s" }] },
      "It is on its way.",
    ]);
    const write = defineModule({
      name: "write",
      process: async ({ task }) => {
        const { text } = await client.toolChain([{ role: ChatRole.USER, content: task.objective }], [send]);
        return { status: "success", result: text };
      },
    });
    const store = new MemoryStore();
    const agent = new Agent({ name: "letters", store, nodes: [new Node({ name: "letter", modules: [write] })] });
    const told = await shownOf(async (messages) => {
      const last = messages.at(-1) as Message;
      if (last.role === "user") {
        return toUiMessageStream(agent.start(new Task({ type: "letter", objective: askedIn(messages) }), { whenWaiting: "park" }));
      }
      for (const part of last.parts) {
        if (!("approval" in part) || part.state !== "approval-responded") continue;
        const { id, approved, reason } = part.approval;
        await new Runs(store).answer(id, approved ? { approve: true } : { deny: reason ?? "No." });
      }
      const run = await agent.resume(last.id);
      return toUiMessageStream(run, { from: run.view().seq + 1 });
    });
    expect(sent).toEqual(["Ada"]);
    expect(told).toMatchObject({ status: "ready", messages: [{ role: "user" }, { role: "assistant", metadata: { status: "COMPLETE" } }] });
    const lines = told.shown
      .at(-1)
      ?.split("\n")
      .filter((line) => line !== "");
    expect(lines?.toSorted()).toEqual(
      ["letter: COMPLETE", "I would send it.", 'tool-send output-available "sent to Ada"', "It is on its way."].toSorted(),
    );
    expect(told.shown.some((text) => text.includes('tool-send approval-requested {"to":"Ada"}'))).toBe(true);
    expect(told.shown.some((text) => text.includes("letter: WAITING"))).toBe(true);
  });

  it("shows a run's failure as its error", async () => {
    const fail = defineModule({ name: "fail", process: async () => ({ status: "error", error: "no paper" }) });
    const agent = new Agent({ name: "fails", nodes: [new Node({ name: "letter", modules: [fail] })] });
    const told = await shownOf(async () => toUiMessageStream(agent.start(new Task({ type: "letter", objective: "Go" }))));
    expect(told).toMatchObject({ status: "error", error: "The answer failed." });
    expect(told.shown.at(-1)).toContain("letter: FAILED");
  });
});
