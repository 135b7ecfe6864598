/** A chain that is restored from any save goes on to the same end; what had finished is not done again. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { SnapshotError } from "#contract/base/errors";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool, type Tool } from "#contract/chat/tool";
import type { Script } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import type { ScriptedCall } from "#testing/scripted-wire";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

const messages = [
  { role: ChatRole.SYSTEM, content: "Be brief." },
  { role: ChatRole.USER, content: "Build the house." },
];
const work = (step: number, id?: string) => ({ name: "work", input: { step }, ...(id === undefined ? {} : { id }) });
const script: Script<ScriptedCall> = [
  { text: "First.", thinking: "Hm.", toolCalls: [work(1, "a"), work(2, "b"), work(3, "c")] },
  { toolCalls: [work(4, "d")] },
  { toolCalls: [work(5, "e"), { name: "nothing", id: "f" }, work(6, "g"), work(7, "h")] },
  "Done.",
];

/** Tells of each run's start and end by its key. */
function tool(onStart: (step: number, key: string) => void, onEnd: (step: number) => void): Tool {
  return defineTool({
    name: "work",
    description: "Works",
    input: z.object({ step: z.number() }),
    async run({ step }, { idempotencyKey }) {
      onStart(step, idempotencyKey);
      // Later calls end first.
      for (let turn = 0; turn < 40 - 5 * step; turn++) await undefined;
      onEnd(step);
      return `built ${step}`;
    },
  });
}

interface Kept {
  context: { iterations: number; orders: { input: string; idempotencyKey: string }[] };
  children: { tools?: { snapshot: { ended: { key: string }[] } } };
}
const options = { maxParallelTools: 2, idempotencyKey: "house" };

async function whole() {
  const keys = new Map<number, string>();
  const checkpoint = new MemoryCheckpoint();
  const client = new ScriptedInferenceClient(script);
  const tools = [
    tool(
      (step, key) => keys.set(step, key),
      () => {},
    ),
  ];
  const result = await client.toolChain(messages, tools, { ...options, checkpoint });
  client.assertDone();
  return { result, keys, saves: checkpoint.saves };
}

describe("a restored tool chain", () => {
  it("comes to the same end from each save, and does nothing again that had finished", async () => {
    const { result, keys, saves } = await whole();
    expect(saves.length).toBeGreaterThan(8);
    const partly = new Set<number>();
    for (const text of saves) {
      const { context, children } = (JSON.parse(text) as { snapshot: Kept }).snapshot;
      const ended = new Set((children.tools?.snapshot.ended ?? []).map(({ key }) => key));
      partly.add(ended.size);
      const again: number[] = [];
      const tools = [
        tool(
          (step, key) => {
            again.push(step);
            expect(key).toBe(keys.get(step));
            expect(ended).not.toContain(key);
          },
          () => {},
        ),
      ];
      const client = new ScriptedInferenceClient(script.slice(context.iterations));
      const checkpoint = new MemoryCheckpoint(text);
      expect(await client.toolChain(messages, tools, { ...options, checkpoint })).toEqual(result);
      client.assertDone();
      expect(new Set(again).size).toBe(again.length);
    }
    expect([...partly]).toEqual(expect.arrayContaining([0, 1, 2]));
  });

  it("keeps each ended tool before the turn has ended, and each answer before a tool starts", async () => {
    const checkpoint = new MemoryCheckpoint();
    const seen: number[] = [];
    const started = tool(
      () => seen.push((JSON.parse(checkpoint.saves.at(-1) ?? "") as { snapshot: Kept }).snapshot.context.iterations),
      () => {},
    );
    await new ScriptedInferenceClient(script).toolChain(messages, [started], { ...options, checkpoint });
    expect(seen).toEqual([1, 1, 1, 2, 3, 3, 3]);
  });

  it("keeps a tool that has ended while another still runs, and nothing starts", async () => {
    const checkpoint = new MemoryCheckpoint();
    const kept = Promise.withResolvers<void>();
    checkpoint.onSave = (text) => {
      const { children } = (JSON.parse(text) as { snapshot: Kept }).snapshot;
      if (children.tools?.snapshot.ended.length === 1) kept.resolve();
    };
    const waits = defineTool({
      name: "work",
      description: "Works",
      input: z.object({ step: z.number() }),
      run: ({ step }) => (step === 1 ? "at once" : kept.promise.then(() => "after the first was kept")),
    });
    const client = new ScriptedInferenceClient([{ toolCalls: [work(1, "a"), work(2, "b")] }, "Done."]);
    expect((await client.toolChain(messages, [waits], { checkpoint })).text).toBe("Done.");
  });

  it("gives the result of a finished chain without asking or running anything", async () => {
    const { result, saves } = await whole();
    const client = new ScriptedInferenceClient([]);
    const never = tool(
      () => expect.unreachable("a tool ran"),
      () => {},
    );
    expect(await client.toolChain(messages, [never], { ...options, checkpoint: new MemoryCheckpoint(saves.at(-1)) })).toEqual(result);
    expect(client.calls).toEqual([]);
  });

  it("goes on after a failure and after an abort from what it had reached", async () => {
    const idle = tool(
      () => {},
      () => {},
    );
    const checkpoint = new MemoryCheckpoint();
    const failing = new ScriptedInferenceClient([script[0] as string, { error: { status: 400 } }]);
    await expect(failing.toolChain(messages, [idle], { ...options, checkpoint })).rejects.toMatchObject({ status: 400 });
    const controller = new AbortController();
    const aborting = new ScriptedInferenceClient([
      script[1] as string,
      () => {
        controller.abort();
        return script[2] as string;
      },
    ]);
    await expect(aborting.toolChain(messages, [idle], { ...options, checkpoint, signal: controller.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    const client = new ScriptedInferenceClient(script.slice(2));
    expect((await client.toolChain(messages, [idle], { ...options, checkpoint })).text).toBe("Done.");
    client.assertDone();
  });

  it("keeps its key over every restore, also where nobody gave it one", async () => {
    const keys = new Set<string>();
    const noting = tool(
      (_step, key) => keys.add(key.split("/")[0] as string),
      () => {},
    );
    const checkpoint = new MemoryCheckpoint();
    for (const [turn, entry] of script.entries()) {
      const client = new ScriptedInferenceClient([entry, { error: { status: 400 } }]);
      const ended = await client.toolChain(messages, [noting], { checkpoint }).catch(() => "broken");
      expect(ended === "broken").toBe(turn < script.length - 1);
    }
    expect(keys.size).toBe(1);
    expect(new Set(checkpoint.saves.map((save) => (JSON.parse(save) as { key: string }).key))).toEqual(keys);
  });

  it("refuses a checkpoint that is damaged, of another format or of another chain", async () => {
    const { saves } = await whole();
    const good = JSON.parse(saves[3] ?? "");
    const refusal = async (state: unknown): Promise<unknown> => {
      const checkpoint = new MemoryCheckpoint(JSON.stringify(state));
      const client = new ScriptedInferenceClient([]);
      const error = await client.toolChain(messages, [], { ...options, checkpoint }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SnapshotError);
      expect(client.calls).toEqual([]);
      return (error as SnapshotError).code;
    };
    expect(await refusal({ ...good, format: 2 })).toBe("snapshot-format");
    expect(await refusal({ format: 99 })).toBe("snapshot-format");
    expect(await refusal({ ...good, key: "other" })).toBe("snapshot-other-chain");
    const { snapshot } = good;
    for (const damaged of [
      "text",
      7,
      [],
      {},
      { ...good, snapshot: null },
      { ...good, snapshot: {} },
      { ...good, snapshot: { ...snapshot, value: "nowhere" } },
      { ...good, snapshot: { ...snapshot, status: "sleeping" } },
      { ...good, snapshot: { ...snapshot, context: null } },
      { ...good, snapshot: { ...snapshot, context: { ...snapshot.context, messages: [1] } } },
      { ...good, snapshot: { ...snapshot, children: null } },
      { ...good, snapshot: { ...snapshot, children: {} } },
      { ...good, snapshot: { ...snapshot, children: { tools: { ...snapshot.children.tools, snapshot: {} } } } },
    ]) {
      expect(await refusal(damaged), JSON.stringify(damaged).slice(0, 300)).toBe("snapshot-damaged");
    }
  });
});
