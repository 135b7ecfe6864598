/** Signed thoughts stay acceptable on the wire whatever a chain does: where they are bound to what came before them, a trimmed chain leaves all of them out. */
import { createHash } from "node:crypto";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { afterEach, describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool } from "#contract/chat/tool";
import type { ToolChainOptions } from "#contract/chat/tool-chain";
import type { ScriptedTurn } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

type Block = { type: string; signature?: string; [key: string]: unknown };
interface Body {
  system?: unknown;
  tools?: unknown;
  messages: { role: string; content: string | Block[] }[];
}

const BOUND = "claude-opus-5-5";
const UNBOUND = "claude-haiku-4-5";
const ask = [
  { role: ChatRole.SYSTEM, content: "Be brief." },
  { role: ChatRole.USER, content: `Go. ${"Mind the text. ".repeat(20)}` },
];
const work = defineTool({ name: "work", description: "Works", input: { type: "object" }, run: () => "result ".repeat(40) });

/** Markers of caching are left out of the comparison. */
const plain = (value: unknown): string => JSON.stringify(value, (key, inner: unknown) => (key === "cache_control" ? undefined : inner));

function prefixOf({ system, tools, messages }: Body, end: number): string {
  return createHash("sha256")
    .update(plain([system, tools, messages.slice(0, end)]))
    .digest("base64");
}

/** Refuses what the service refuses: a thought whose turn has changed, and where it is bound, one whose conversation has. */
class Judge {
  readonly #isBound: boolean;
  readonly #turns = new Map<string, string>();
  #asked = 0;
  /** Thoughts that came back, request by request. */
  readonly seen: number[] = [];

  constructor(isBound: boolean) {
    this.#isBound = isBound;
  }

  answer(turn: ScriptedTurn<ServedRequest>) {
    return ({ body }: ServedRequest): ScriptedTurn<ServedRequest> => {
      const asked = body as unknown as Body;
      const fault = this.#faultOf(asked);
      if (fault !== undefined) return { error: { status: 400, message: fault } };
      if (turn.error !== undefined) return turn;
      this.#asked += 1;
      const signature = `${this.#asked}.${prefixOf(asked, asked.messages.length)}`;
      const text = `Thought ${this.#asked}.`;
      const toolCalls = (turn.toolCalls ?? []).map((call, index) => ({ input: {}, ...call, id: `toolu_${this.#asked}_${index}` }));
      const calls = toolCalls.map(({ id, name, input }) => ({ type: "tool_use", id, name, input }));
      const thought = { type: "thinking", thinking: text, signature };
      this.#turns.set(signature, plain([thought, ...(turn.text === undefined ? [] : [{ type: "text", text: turn.text }]), ...calls]));
      return { ...turn, toolCalls, thinking: { text, signature } };
    };
  }

  #faultOf(body: Body): string | undefined {
    let seen = 0;
    for (const [index, { role, content }] of body.messages.entries()) {
      const thoughts = typeof content === "string" ? [] : content.filter(({ type }) => type === "thinking");
      for (const { signature = "" } of thoughts) {
        seen += 1;
        if (role !== "assistant" || this.#turns.get(signature) !== plain(content)) return "thinking blocks cannot be modified";
        if (this.#isBound && !signature.endsWith(prefixOf(body, index))) return "The block is bound to a different conversation.";
      }
    }
    this.seen.push(seen);
    return undefined;
  }
}

let server: InferenceServer | undefined;
afterEach(async () => {
  await server?.close();
});

async function run(model: string, turns: ScriptedTurn<ServedRequest>[], options: ToolChainOptions = {}) {
  const judge = new Judge(model === BOUND);
  server = await startInferenceServer(
    "anthropic",
    turns.map((turn) => judge.answer(turn)),
  );
  const client = new AnthropicInferenceClient({ model, apiKey: "any", baseURL: server.url });
  const result = await client.toolChain(ask, [work], { thinking: true, ...options });
  server.assertDone();
  return { result, judge, bodies: server.requests.map(({ body }) => body as unknown as Body) };
}
const call = (text?: string): ScriptedTurn<ServedRequest> => ({ ...(text === undefined ? {} : { text }), toolCalls: [{ name: "work" }] });
const full = { error: { reason: "context-length-exceeded" } };

describe("signed thoughts of a chain", () => {
  it.each([BOUND, UNBOUND])("all go back unchanged while nothing is left out (%s)", async (model) => {
    const { result, judge } = await run(model, [call("One."), call(), call("Three."), { text: "Done." }]);
    expect(result).toMatchObject({ stopReason: "finished", text: "Done." });
    expect(judge.seen).toEqual([0, 1, 2, 3]);
  });

  it("are all left out of a trimmed conversation where they are bound to it, and those that come later go back", async () => {
    const turns = [call("One."), call(), call("Three."), call(), full, call("Five."), call(), { text: "Done." }];
    const { result, judge, bodies } = await run(BOUND, turns, { fifoRatio: 0.5 });
    expect(result).toMatchObject({ stopReason: "finished", text: "Done." });
    expect(judge.seen).toEqual([0, 1, 2, 3, 4, 0, 1, 2]);
    expect(bodies[5]?.messages.length).toBeLessThan(bodies[4]?.messages.length ?? 0);
  });

  it("stay with their turns in a trimmed conversation where they are not bound to it", async () => {
    const turns = [call("One."), call(), call("Three."), call(), full, call("Five."), { text: "Done." }];
    const { result, judge, bodies } = await run(UNBOUND, turns, { fifoRatio: 0.5 });
    expect(result).toMatchObject({ stopReason: "finished", text: "Done." });
    const [before, after] = [bodies[4] as Body, bodies[5] as Body];
    const kept = after.messages.filter(({ role }) => role === "assistant").length;
    expect(judge.seen.slice(4)).toEqual([4, kept, kept + 1]);
    expect(kept).toBeGreaterThan(0);
    // The latest turn is what it was, byte for byte.
    expect(plain(after.messages.slice(-2))).toBe(plain(before.messages.slice(-2)));
  });

  it("outlive a change of modes, which adds to the conversation and changes nothing before it", async () => {
    const saw = defineTool({ name: "saw", description: "Saws", input: { type: "object" }, run: () => "sawn" });
    const modeSwap = {
      initial: "plan",
      modes: {
        plan: { description: "Plans", system: "You plan.", tools: [] },
        build: { description: "Builds", system: "You build.", tools: [saw] },
      },
    };
    const turns = [call(), { toolCalls: [{ name: "switch_mode", input: { mode: "build" } }] }, { toolCalls: [{ name: "saw" }] }];
    const { judge } = await run(BOUND, [...turns, { text: "Done." }], { modeSwap });
    expect(judge.seen).toEqual([0, 1, 2, 3]);
  });

  it("outlive a restore from each save", async () => {
    const turns = [call("One."), call(), call("Three."), { text: "Done." }];
    const judge = new Judge(true);
    const entries = turns.map((turn) => judge.answer(turn));
    const local = await startInferenceServer("anthropic", entries);
    server = local;
    const checkpoint = new MemoryCheckpoint();
    const client = (url: string) => new AnthropicInferenceClient({ model: BOUND, apiKey: "any", baseURL: url });
    const options = { thinking: true, idempotencyKey: "bound" } as const;
    const { text } = await client(local.url).toolChain(ask, [work], { ...options, checkpoint });
    for (const save of checkpoint.saves) {
      const done = (JSON.parse(save) as { snapshot: { context: { iterations: number } } }).snapshot.context.iterations;
      const again = await startInferenceServer(
        "anthropic",
        turns.slice(done).map((turn) => judge.answer(turn)),
      );
      try {
        const chain = client(again.url).toolChain(ask, [work], { ...options, checkpoint: new MemoryCheckpoint(save) });
        expect((await chain).text).toBe(text);
        again.assertDone();
      } finally {
        await again.close();
      }
    }
    expect(checkpoint.saves.length).toBeGreaterThan(4);
  });
});
