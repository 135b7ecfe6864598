/** What models answer is told to who follows the run, part by part, whoever else reads it, and to nobody who has not asked. */
import { Agent, type AgentEvent, ChatRole, defineModule, defineTool, type ModelDelta, Node, Task } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { applyEvent } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { all } from "../runs/stores.ts";

const ASKED = [{ role: ChatRole.USER, content: "Say hello" }];
const task = (): Task => new Task({ type: "test", objective: "Ask" });
type Process = Parameters<typeof defineModule>[0]["process"];

const agentOf = (process: Process, more: object = {}): Agent =>
  new Agent({ name: "asks", nodes: [new Node({ name: "ask", modules: [defineModule({ name: "model", process })], ...more })] });

/** All that a run tells, in order. */
async function toldBy(agent: Agent, deltas = true): Promise<(AgentEvent | ModelDelta)[]> {
  const run = agent.start(task());
  const told: (AgentEvent | ModelDelta)[] = [];
  for await (const event of run.events({ deltas })) told.push(event);
  expect((await run.outcome).status).toBe("COMPLETE");
  return told;
}

const deltasIn = (told: readonly (AgentEvent | ModelDelta)[]): ModelDelta[] => told.filter((each) => each.type === "model.delta");
const partsIn = (told: readonly (AgentEvent | ModelDelta)[]) => deltasIn(told).map(({ part }) => part);
const textIn = (told: readonly (AgentEvent | ModelDelta)[]): string =>
  partsIn(told)
    .map((part) => (part.type === "text-delta" ? part.text : ""))
    .join("");

const add = defineTool({
  name: "add",
  description: "Adds",
  input: { type: "object", properties: { a: { type: "number" } }, required: ["a"] },
  run: ({ a }: { a: number }) => a + 1,
});

const CALLS: [string, (client: ScriptedInferenceClient) => Process, boolean][] = [
  ["generate", (client) => async () => ({ status: "success", result: (await client.generate(ASKED)).text }), true],
  [
    "a stream that is read",
    (client) => async () => ({ status: "success", result: (await all(client.stream(ASKED).text)).join("") }),
    false,
  ],
  ["the result of a stream", (client) => async () => ({ status: "success", result: (await client.stream(ASKED).result).text }), false],
  ["a chain", (client) => async () => ({ status: "success", result: (await client.toolChain(ASKED, [])).text }), false],
  [
    "a tool of a chain",
    (client) => async () => {
      const ask = defineTool({
        name: "ask",
        description: "Asks",
        input: { type: "object" },
        run: async () => (await client.generate(ASKED)).text,
      });
      const chain = new ScriptedInferenceClient([{ toolCalls: [{ name: "ask" }] }, {}]);
      return { status: "success", result: (await chain.toolChain(ASKED, [ask])).text };
    },
    true,
  ],
  [
    "a step",
    (client) =>
      async ({ step }) => ({ status: "success", result: await step("ask", async () => (await client.generate(ASKED)).text) }),
    true,
  ],
];

describe.each(CALLS)("what a model answers to %s", (_, processOf, isWhole) => {
  it("is told part by part, without a number, of the module that asked", async () => {
    const client = new ScriptedInferenceClient([{ text: "Hello to you all", chunks: ["Hello ", "to you", " all"] }]);
    const told = await toldBy(agentOf(processOf(client)));
    expect(textIn(told)).toBe("Hello to you all");
    const types = partsIn(told).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith("text"))).toEqual(["text-start", "text-delta", "text-delta", "text-delta", "text-end"]);
    expect(types.at(-1)).toBe("finish");
    for (const delta of deltasIn(told)) {
      expect(delta).toMatchObject({
        node: "ask",
        module: "model",
        visit: 1,
        attempt: 1,
        graph: [],
        taskId: told[0]?.taskId,
        at: expect.any(Number),
      });
      expect(delta).not.toHaveProperty("seq");
      expect(JSON.parse(JSON.stringify(delta))).toEqual(delta);
    }
    expect(client.calls.map(({ stream }) => stream)).toEqual([true]);
  });

  it("is told to nobody who has not asked, and its call is what it was", async () => {
    const client = new ScriptedInferenceClient(["Hello"]);
    expect(deltasIn(await toldBy(agentOf(processOf(client)), false))).toEqual([]);
    expect(client.calls.map(({ stream }) => stream)).toEqual([!isWhole]);
  });
});

describe("deltas of a run", () => {
  it("hold each call of a chain with tools, without what is only read of an input", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "add", input: { a: 1 } }] }, "It is 2"]);
    const told = await toldBy(agentOf(async () => ({ status: "success", result: (await client.toolChain(ASKED, [add])).text })));
    const types = partsIn(told).map(({ type }) => type);
    expect(types.filter((type) => type === "finish")).toHaveLength(2);
    expect(types).toEqual(expect.arrayContaining(["tool-input-start", "tool-input-delta", "tool-call", "text-delta"]));
    const call = partsIn(told).find((part) => part.type === "tool-call");
    const given = { type: "tool-result", id: call?.id, name: "add", content: "2", isError: false };
    expect(partsIn(told).filter(({ type }) => type === "tool-result")).toEqual([given]);
    expect(types.indexOf("tool-result")).toBeGreaterThan(types.indexOf("finish"));
    for (const part of partsIn(told)) expect(part).not.toHaveProperty("preview");
  });

  it("name the item, and the nested graph, that they are of", async () => {
    const client = new ScriptedInferenceClient(["one", "two", "three"]);
    const ask = defineModule({ name: "model", process: async () => ({ status: "success", result: (await client.generate(ASKED)).text }) });
    const list = defineModule({ name: "list", process: async () => ({ status: "success", result: ["a", "b"] }) });
    const agent = new Agent({
      name: "asks",
      nodes: [
        new Node({ name: "list", modules: [list] }),
        new Node({ name: "each", forEach: "list", modules: [ask], dependencies: ["list"] }),
        new Node({ name: "outer", type: "SUBGRAPH", dependencies: ["each"], nodes: [new Node({ name: "inner", modules: [ask] })] }),
      ],
    });
    const places = deltasIn(await toldBy(agent)).map(({ graph, node }) => [...graph, node].join("/"));
    expect(new Set(places)).toEqual(new Set(["each/0", "each/1", "outer/inner"]));
  });

  it("begin anew with a call that is tried again", async () => {
    const client = new ScriptedInferenceClient([{ text: "Hello you", chunks: 2, error: { status: 500, after: 2 } }, "Hello again"], {
      retry: { initialDelayMs: 1, maxAttempts: 2 },
    });
    const told = await toldBy(agentOf(async () => ({ status: "success", result: (await client.generate(ASKED)).text })));
    expect(partsIn(told).filter(({ type }) => type === "text-start")).toHaveLength(2);
    expect(textIn(told)).toMatch(/Hello again$/);
  });

  it("change nothing of the picture, and take the place of no event that is unread", async () => {
    const client = new ScriptedInferenceClient([{ text: "a b c d e f g h i j k l", chunks: 12 }]);
    const run = agentOf(async () => ({ status: "success", result: (await client.generate(ASKED)).text })).start(task());
    const events = run.events({ deltas: true, from: 1, maxBuffered: 10 });
    await run.outcome;
    const told = await all(events);
    const [first, ...rest] = told.filter((event) => event.type !== "model.delta");
    let view = applyEvent(undefined, first as AgentEvent);
    for (const event of [...rest, ...deltasIn(told)]) view = applyEvent(view, event);
    expect(view).toEqual(run.view());
    expect(deltasIn(told)).toHaveLength(10);
    expect(rest.length).toBeGreaterThan(4);
  });

  it("hold the corrected answer, too, where the first one did not fit", async () => {
    const client = new ScriptedInferenceClient(["no JSON", '{"a":1}']);
    const output = { type: "object", properties: { a: { type: "number" } }, required: ["a"] } as const;
    const told = await toldBy(agentOf(async () => ({ status: "success", result: (await client.generate(ASKED, { output })).output })));
    expect(textIn(told)).toBe('no JSON{"a":1}');
  });

  it("end with the reader: the next call is no stream", async () => {
    const client = new ScriptedInferenceClient(["one", "two"]);
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const run = agentOf(async () => {
      await client.generate(ASKED);
      await left;
      return { status: "success", result: (await client.generate(ASKED)).text };
    }).start(task());
    for await (const event of run.events({ deltas: true })) if (event.type === "model.delta" && event.part.type === "finish") break;
    leave();
    await run.outcome;
    expect(client.calls.map(({ stream }) => stream)).toEqual([true, false]);
  });
});
