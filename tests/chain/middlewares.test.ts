/** Middlewares see each block when it ends, one at a time and in that order; what one throws is what the chain fails with. */

import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fencedToolParser } from "#chain/tool-parser";
import { ChatRole } from "#contract/base/vocabulary";
import { blocksOf, type ContentBlock } from "#contract/chat/message";
import { defineTool, type Tool, type ToolContext } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { startInferenceServer } from "#testing/servers/inference-server";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

const ask = [{ role: ChatRole.USER, content: "Go." }];
const toolOf = (run: (context: ToolContext) => unknown): Tool =>
  defineTool({ name: "work", description: "Works", input: { type: "object" }, run: (_input, context) => run(context) });
const call = (id: string) => ({ name: "work", id });
const nameOf = (block: ContentBlock): string => {
  if (block.type === "tool-use") return `use ${block.id}`;
  return block.type === "tool-result" ? `result ${block.toolUseId}` : block.type;
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("middlewares of a chain", () => {
  it("see the model's blocks as they end, then results in the order in which tools end, whatever order the model reads them in", async () => {
    const gates = new Map(["a", "b", "c"].map((id) => [id, Promise.withResolvers<string>()]));
    const work = toolOf(({ toolUseId }) => gates.get(toolUseId)?.promise);
    const end = (id: string): void => gates.get(id)?.resolve(`did ${id}`);
    const next: Record<string, string> = { "use c": "c", "result c": "a", "result a": "b" };
    const seen: ContentBlock[] = [];
    const see = (block: ContentBlock): void => {
      seen.push(block);
      end(next[nameOf(block)] ?? "none");
    };
    const client = new ScriptedInferenceClient([
      { thinking: "Hm.", text: "I work.", toolCalls: [call("a"), call("b"), call("c")] },
      "Done.",
    ]);
    const { messages } = await client.toolChain(ask, [work], { middlewares: [see] });
    expect(seen.map(nameOf)).toEqual(["thinking", "text", "use a", "use b", "use c", "result c", "result a", "result b", "text"]);
    expect(seen.slice(0, 3)).toEqual([
      { type: "thinking", text: "Hm." },
      { type: "text", text: "I work." },
      { type: "tool-use", id: "a", name: "work", input: {} },
    ]);
    expect(seen[5]).toEqual({ type: "tool-result", toolUseId: "c", content: "did c" });
    expect(messages.slice(2, 3).flatMap(blocksOf).map(nameOf)).toEqual(["result a", "result b", "result c"]);
  });

  it("see one block at a time, each by one after the other, and hold the model back until they have", async () => {
    const log: string[] = [];
    const slow = (name: string) => async (block: ContentBlock) => {
      log.push(`${name} ${nameOf(block)}`);
      await new Promise<void>((resolve) => setImmediate(resolve));
      log.push(`${name} done`);
    };
    const client = new ScriptedInferenceClient([
      { toolCalls: [call("a"), call("b")] },
      () => {
        log.push("asked");
        return "Done.";
      },
    ]);
    await client.toolChain(ask, [toolOf(() => "ok")], { middlewares: [slow("1"), slow("2")] });
    const of = (block: string): string[] => [`1 ${block}`, "1 done", `2 ${block}`, "2 done"];
    expect(log).toEqual([...["use a", "use b", "result a", "result b"].flatMap(of), "asked", ...of("text")]);
  });

  it("see an error result as one, and what a reducer made of a result", async () => {
    const seen: ContentBlock[] = [];
    const fails = toolOf(() => {
      throw new Error("no disk");
    });
    const client = new ScriptedInferenceClient([{ toolCalls: [call("a")] }, "Done."]);
    await client.toolChain(ask, [fails], {
      middlewares: [(block) => void seen.push(block)],
      toolResultReducer: ({ content }) => content.toUpperCase(),
    });
    expect(seen[1]).toEqual({ type: "tool-result", toolUseId: "a", content: 'TOOL "WORK" FAILED: NO DISK', isError: true });
  });

  it("see calls that a parser reads in a text after that text, by the ids of their results", async () => {
    const seen: ContentBlock[] = [];
    const text = 'I try.\n```tool\n{"name":"work","input":{"n":1}}\n```\n```tool\n{broken\n```';
    const client = new ScriptedInferenceClient([text, "Done."]);
    await client.toolChain(ask, [toolOf(() => "ok")], { middlewares: [(block) => void seen.push(block)], toolParser: fencedToolParser });
    const ids = seen.flatMap((block) => (block.type === "tool-use" ? [block.id] : []));
    expect(seen.slice(3, -1).map(nameOf).sort()).toEqual(ids.map((id) => `result ${id}`).sort());
    expect([...seen.slice(0, 3), ...seen.slice(-1)]).toEqual([
      { type: "text", text },
      { type: "tool-use", id: ids[0], name: "work", input: { n: 1 } },
      { type: "tool-use", id: ids[1], name: "unnamed", input: "{broken", inputError: expect.stringContaining("no JSON") },
      { type: "text", text: "Done." },
    ]);
  });

  it("end an answer that they refuse in its middle: the chain fails with what was thrown, and the socket is freed", async () => {
    const server = await startInferenceServer("anthropic", [{ thinking: "Hm.", text: "one two", chunkDelayMs: 600_000 }]);
    const client = new AnthropicInferenceClient({ model: "claude-haiku-4-5", apiKey: "any", baseURL: server.url });
    const refusal = new Error("not that thought");
    const later = vi.fn();
    const refuse = () => {
      throw refusal;
    };
    await expect(client.toolChain(ask, [], { middlewares: [refuse, later] })).rejects.toBe(refusal);
    expect(await server.requests[0]?.ended).toBe("cut");
    expect(later).not.toHaveBeenCalled();
    await server.close();
  });

  it("end tools that still run when they refuse another's result; gone on with, what they refused runs again under its key", async () => {
    const warn = vi.spyOn(console, "warn");
    const keys: string[] = [];
    let told: unknown;
    const ended = Promise.withResolvers<void>();
    const work = toolOf(({ toolUseId, idempotencyKey, signal }) => {
      keys.push(idempotencyKey);
      if (toolUseId === "a") return "refuse me";
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          told = signal.reason;
          resolve("late");
          ended.resolve();
        }),
      );
    });
    const refuse = async (block: ContentBlock) => {
      if (block.type === "tool-result") throw new Error("not that result");
    };
    const checkpoint = new MemoryCheckpoint();
    const client = new ScriptedInferenceClient([{ toolCalls: [call("a"), call("b")] }]);
    await expect(client.toolChain(ask, [work], { middlewares: [refuse], checkpoint, idempotencyKey: "k" })).rejects.toThrow(
      "not that result",
    );
    await ended.promise;
    expect(told).toEqual(new Error("not that result"));
    const again = new ScriptedInferenceClient(["Done."]);
    const same = toolOf(({ idempotencyKey }) => void keys.push(idempotencyKey));
    expect((await again.toolChain(ask, [same], { checkpoint })).text).toBe("Done.");
    expect(keys).toEqual(["k/1/a", "k/1/b", "k/1/a", "k/1/b"]);
    expect(warn).not.toHaveBeenCalled();
  });
});
