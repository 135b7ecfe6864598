/** An aborted chain rejects with an AbortError whatever it was doing, leaves no listener, and goes on from its checkpoint with every call answered. */
import { getEventListeners } from "node:events";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import { ChatRole } from "#contract/base/vocabulary";
import type { Checkpoint } from "#contract/chat/call-scope";
import { InferenceError } from "#contract/chat/errors";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool, type Tool, type ToolContext } from "#contract/chat/tool";
import type { ToolChainOptions } from "#contract/chat/tool-chain";
import type { ScriptEntry } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { startInferenceServer } from "#testing/servers/inference-server";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

const REASON = new Error("the user left");
const NEVER = 600_000;
const retry = { retry: { initialDelayMs: NEVER, maxDelayMs: NEVER, maxRetryAfterMs: NEVER } };

interface Model {
  client: InferenceClient;
  /** How often it was asked. */
  asked(): number;
  /** Settles when no answer is under way any more. */
  released(): Promise<unknown>;
  close(): Promise<void>;
}
type Entries = ScriptEntry<never>[];
const models: Record<string, (script: Entries) => Promise<Model>> = {
  "a scripted client": async (script) => {
    const client = new ScriptedInferenceClient(script as never, retry);
    return { client, asked: () => client.calls.length, released: async () => {}, close: async () => {} };
  },
  "Anthropic's own SDK": async (script) => {
    const server = await startInferenceServer("anthropic", script as never);
    const client = new AnthropicInferenceClient({ model: "claude-haiku-4-5", apiKey: "any", baseURL: server.url, ...retry });
    return {
      client,
      asked: () => server.requests.length,
      released: () => Promise.all(server.requests.map(({ ended }) => ended)),
      close: server.close,
    };
  },
};

interface Trial {
  script: Entries;
  tool?: (context: ToolContext) => unknown;
  options?: ToolChainOptions;
  /** Of the conversation that is given. */
  given?: ChatMessage[];
  /** What the model is asked in all, until the chain has ended. */
  asked: number;
  /** Of the script, what is left for a chain that goes on. */
  rest: Entries;
}
const call = {
  toolCalls: [
    { name: "work", id: "a" },
    { name: "work", id: "b" },
  ],
};
const full = { error: { reason: "context-length-exceeded" } };
const ask: ChatMessage[] = [{ role: ChatRole.USER, content: "Go." }];

function after<T>(work: () => void, value: T): T {
  work();
  return value;
}

/** Ends when it is told to. */
const heeds = ({ signal }: ToolContext): Promise<unknown> =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** An input of a tool call that aborts when its size is taken: nothing else of a user's is asked while a chain is trimmed. */
const aborting = (abort: () => void): object => ({
  get size() {
    if (new Error("where?").stack?.includes("trimMessages")) abort();
    return 1;
  },
});

/** Aborts, and lets the time pass that tools are given to end by themselves. */
function abortForGood(abort: () => void): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  abort();
  vi.advanceTimersByTime(1_000);
  vi.useRealTimers();
}

/** Aborts as soon as the time to wait is worked out. */
function abortInBackoff(abort: () => void): void {
  vi.spyOn(Math, "random").mockImplementation(() => {
    queueMicrotask(abort);
    return 0.5;
  });
}

const phases: Record<string, (abort: () => void) => Trial> = {
  "before it starts": (abort) => {
    abort();
    return { script: [], asked: 0, rest: [call, "Done."] };
  },
  "while the model has not answered yet": (abort) => ({
    script: [() => after(abort, { text: "late", delayMs: NEVER })],
    asked: 1,
    rest: [call, "Done."],
  }),
  "in the middle of an answer": (abort) => ({
    script: [{ thinking: "Hm.", text: "one two", chunkDelayMs: NEVER }],
    options: { middlewares: [({ type }) => (type === "thinking" ? abort() : undefined)] },
    asked: 1,
    rest: [call, "Done."],
  }),
  "while it waits to ask again": (abort) => ({
    script: [() => after(() => abortInBackoff(abort), { error: { status: 429 } })],
    asked: 1,
    rest: [call, "Done."],
  }),
  "while tools run that heed their signal": (abort) => ({
    script: [call],
    tool: (context) => {
      const ended = heeds(context);
      if (context.toolUseId === "b") abort();
      return ended;
    },
    asked: 1,
    rest: ["Done."],
  }),
  "while a tool runs that ignores its signal": (abort) => ({
    script: [call],
    tool: ({ toolUseId }) => (toolUseId === "a" ? "at once" : after(() => abortForGood(abort), new Promise(() => {}))),
    asked: 1,
    rest: ["Done."],
  }),
  "while a tool asks a model itself": (abort) => ({
    script: [{ toolCalls: [{ name: "work", id: "a" }] }],
    tool: async ({ signal }) => {
      const inner = new ScriptedInferenceClient([() => after(abort, { text: "late", delayMs: NEVER })]);
      return (await inner.generate(ask, { signal })).text;
    },
    asked: 1,
    rest: ["Done."],
  }),
  "while it is trimmed": (abort) => ({
    script: [call, full],
    given: [
      ...ask,
      { role: ChatRole.ASSISTANT, content: [{ type: "tool-use", id: "z", name: "work", input: aborting(abort) }] },
      { role: ChatRole.TOOL_RESULT, content: [{ type: "tool-result", toolUseId: "z", content: "x" }] },
    ],
    options: { fifoRatio: 0.5 },
    asked: 2,
    rest: ["Done."],
  }),
  "in a middleware that never ends, of an answer": (abort) => ({
    script: ["Hm."],
    options: { middlewares: [() => after(abort, new Promise(() => {}))] },
    asked: 1,
    rest: [call, "Done."],
  }),
  "in a middleware that never ends, of a result": (abort) => ({
    script: [call],
    options: {
      middlewares: [({ type }) => (type === "tool-result" ? after(() => abortForGood(abort), new Promise(() => {})) : undefined)],
    },
    asked: 1,
    rest: ["Done."],
  }),
};

const toolFor = (run: (context: ToolContext) => unknown): Tool =>
  defineTool({ name: "work", description: "Works", input: { type: "object" }, run: (_input, context) => run(context) });

/** Ids of calls, and of results, in the order of a conversation. */
const idsOf = (messages: readonly ChatMessage[], type: "tool-use" | "tool-result"): string[] =>
  messages
    .flatMap(({ content }) => (typeof content === "string" ? [] : (content as ContentBlock[])))
    .flatMap((block) =>
      block.type !== type ? [] : block.type === "tool-use" ? [block.id] : block.type === "tool-result" ? [block.toolUseId] : [],
    );

describe.each(Object.entries(models))("a chain on %s, aborted", (_name, open) => {
  const opened: Model[] = [];
  const start = async (script: Entries): Promise<Model> => {
    const model = await open(script);
    opened.push(model);
    return model;
  };
  beforeEach(() => {
    opened.length = 0;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(opened.map(({ close }) => close()));
  });

  it.each(Object.entries(phases))("%s, rejects with an AbortError, and goes on later as if it had not been", async (_phase, phase) => {
    const controller = new AbortController();
    const { signal } = controller;
    const trial = phase(() => controller.abort(REASON));
    const checkpoint = new MemoryCheckpoint();
    const model = await start(trial.script);
    const messages = trial.given ?? ask;
    const tools = [toolFor((context) => trial.tool?.(context) ?? "fine")];
    const warn = vi.spyOn(console, "warn");
    const error = await model.client
      .toolChain(messages, tools, { ...trial.options, signal, checkpoint })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ name: "AbortError", code: "aborted", retryable: false, cause: REASON });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await model.released();
    expect(warn, "nothing of a chain is told to an actor that has ended").not.toHaveBeenCalled();
    expect(model.asked()).toBe(trial.asked);

    const again = await start(trial.rest);
    const { text, messages: whole } = await again.client.toolChain(ask, [toolFor(() => "fine")], { checkpoint });
    expect(text).toBe("Done.");
    expect(idsOf(whole, "tool-result")).toEqual(idsOf(whole, "tool-use"));
    expect(idsOf(whole, "tool-use").length).toBeGreaterThan(0);
    expect(again.asked()).toBe(trial.rest.length);
  });
});

describe("a checkpoint that never answers", () => {
  const silent: Record<string, (never: () => Promise<never>) => Checkpoint> = {
    "when it is loaded": (never) => ({ load: never, save: async () => {} }),
    "when it saves what leads to the ask": (never) => ({ load: async () => undefined, save: never }),
    "when it saves the end": (never) => ({
      load: async () => undefined,
      save: (state) => ((state as { snapshot: { status: string } }).snapshot.status === "done" ? never() : Promise.resolve()),
    }),
  };

  it.each(Object.entries(silent))("%s, holds a chain no longer than until its abort", async (_, checkpointOf) => {
    const controller = new AbortController();
    const client = new ScriptedInferenceClient(["Done."]);
    const { signal } = controller;
    const asked = Promise.withResolvers<void>();
    const checkpoint = checkpointOf(() => {
      asked.resolve();
      return new Promise(() => {});
    });
    const ended = client.toolChain(ask, [], { checkpoint, signal }).catch((error: unknown) => error);
    await asked.promise;
    controller.abort(REASON);
    expect(await ended).toMatchObject({ name: "AbortError", code: "aborted", cause: REASON });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("while a tool waits for it, has the tool not run after the abort", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const ran: string[] = [];
    const checkpoint = new MemoryCheckpoint();
    checkpoint.onSave = (text) => {
      if (text.includes("tool-use")) controller.abort(REASON);
    };
    const chain = new ScriptedInferenceClient([call]).toolChain(ask, [toolFor(({ toolUseId }) => ran.push(toolUseId))], {
      checkpoint,
      signal,
    });
    await expect(chain).rejects.toMatchObject({ name: "AbortError", cause: REASON });
    expect(ran).toEqual([]);
  });

  it("holds no chain that was aborted before", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const checkpoint = { load: never, save: never };
    const chain = new ScriptedInferenceClient([]).toolChain(ask, [], { checkpoint, signal: AbortSignal.abort(REASON) });
    await expect(chain).rejects.toMatchObject({ name: "AbortError", cause: REASON });
  });

  it("fails the chain with what it throws, whether at once or later", async () => {
    const broken = new Error("no disk");
    const client = new ScriptedInferenceClient([]);
    const chain = (load: () => Promise<unknown>) => client.toolChain(ask, [], { checkpoint: { load, save: async () => {} } });
    await expect(chain(() => Promise.reject(broken))).rejects.toBe(broken);
    await expect(
      chain(() => {
        throw broken;
      }),
    ).rejects.toBe(broken);
  });
});

describe("a chain that has ended", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ["by its model", () => "fine", { text: "Done." }],
    ["by a tool's stop", ({ stop }: ToolContext) => stop(), { stopReason: "stopped" }],
    ["by an abort that its tools heed", heeds, { name: "AbortError" }],
  ])("%s, leaves no timer and no listener, so that a process may end", async (_, run, end) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const controller = new AbortController();
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "work" }] }, "Done."]);
    const tool = toolFor((context) => {
      const result = run(context);
      if (run === heeds) controller.abort(REASON);
      return result;
    });
    const { signal } = controller;
    expect(await client.toolChain(ask, [tool], { signal }).catch((error: unknown) => error)).toMatchObject(end);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
