/** The chart of a tool chain alone: each answer leads where it must, and every call has a result whatever ends it. */

import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, fromPromise, initialTransition, transition } from "xstate";
import type { ToolOutcome, TurnAnswer } from "#contract/chat/tool-chain";
import { toolLoopMachine } from "#machines/tool-loop";

const never = fromPromise(() => new Promise(() => {}));
const machine = toolLoopMachine.provide({ actors: { generate: never, runTools: never, trimConversation: never } as never });
const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
const answered = (over: Partial<Extract<TurnAnswer, { kind: "answered" }>> = {}): TurnAnswer => ({
  kind: "answered",
  message: '{"role":"ASSISTANT","content":[]}',
  text: "hi",
  calls: [],
  end: "finished",
  finishReason: { unified: "stop", raw: "stop" },
  warnings: [],
  usage,
  ...over,
});
const calls = [
  { id: "a", name: "x", input: "{}" },
  { id: "b", name: "y", input: "{}" },
];
const invalid: TurnAnswer = { kind: "invalid-output", message: "{}", repair: "{}", usage };
const full: TurnAnswer = { kind: "context-full", usage };
const outcome = (id: string, over: Partial<ToolOutcome> = {}): ToolOutcome => ({ id, content: id, isError: false, ...over });

function run(events: object[], maxIterations = 5): AnyMachineSnapshot {
  let [snapshot] = initialTransition(machine, { key: "k", messages: ['{"role":"USER","content":"go"}'], mode: null, maxIterations });
  for (const event of events) [snapshot] = transition(machine, snapshot, event as never);
  return snapshot as AnyMachineSnapshot;
}
const asked = (output: TurnAnswer) => ({ type: "xstate.done.actor.ask", actorId: "ask", output });
const ran = (...output: ToolOutcome[]) => ({ type: "xstate.done.actor.tools", actorId: "tools", output });
const trimmed = (output: readonly string[] | null) => ({ type: "xstate.done.actor.trim", actorId: "trim", output });
const resultsIn = ({ context }: AnyMachineSnapshot) => JSON.parse(context.messages.at(-1) as string).content;

describe("tool loop machine", () => {
  it.each<[string, object[], unknown]>([
    ["asks first", [], "asking"],
    ["ends with an answer that calls nothing", [asked(answered())], "finished"],
    ["runs what is called", [asked(answered({ calls }))], "running"],
    ["asks again with the results", [asked(answered({ calls })), ran(outcome("a"), outcome("b"))], "asking"],
    ["ends when a tool says so", [asked(answered({ calls })), ran(outcome("a", { stops: true }), outcome("b"))], "stopped"],
    ["runs nothing of a cut answer", [asked(answered({ calls, end: "length" }))], "asking"],
    ["ends with an answer that was cut off, filtered, refused or empty", [asked(answered({ end: "empty" }))], "cutShort"],
    ["runs nothing of an answer that was filtered", [asked(answered({ calls, end: "content-filter" }))], "cutShort"],
    ["ends when no more is wanted", [asked({ kind: "stopped" })], "stopped"],
    ["trims when the context is full", [asked(full)], "trimming"],
    ["asks with what is left", [asked(full), trimmed(["x"])], "asking"],
    ["ends when nothing can be left out", [asked(full), trimmed(null)], "contextLength"],
    ["sends an unfit answer back once", [asked(invalid)], "asking"],
    ["gives up on the second", [asked(invalid), asked(invalid)], "failed"],
    ["fails with its model", [{ type: "xstate.error.actor.ask", actorId: "ask", error: new Error("no") }], "failed"],
    ["is aborted while it asks", [{ type: "chain.abort" }], "aborted"],
    ["waits for its tools when it is aborted", [asked(answered({ calls })), { type: "chain.abort" }], "stopping"],
  ])("%s", (_, events, state) => {
    expect(run(events).value).toEqual(state);
  });

  it("stops before the ask that is one too many", () => {
    const turn = [asked(answered({ calls })), ran(outcome("a"), outcome("b"))];
    expect(run([...turn, ...turn], 2)).toMatchObject({ value: "maxIterations", output: { stopReason: "max-iterations", iterations: 2 } });
  });

  it("has a result for every call, also of a batch that was aborted and of an answer that was cut", () => {
    const aborted = run([asked(answered({ calls })), { type: "chain.abort" }, ran(outcome("a"), outcome("b", { isError: true }))]);
    expect(aborted.value).toBe("aborted");
    expect(resultsIn(aborted)).toMatchObject([{ toolUseId: "a" }, { toolUseId: "b", isError: true }]);
    expect(resultsIn(run([asked(answered({ calls, end: "refused" }))]))).toMatchObject([
      { toolUseId: "a", isError: true },
      { toolUseId: "b" },
    ]);
    expect(resultsIn(run([asked(answered({ calls, end: "length" }))]))).toMatchObject([{ isError: true }, { isError: true }]);
  });

  it.each(["length", "content-filter", "refused", "empty"] as const)(
    "says that its last answer ended by %s, and every warning once",
    (end) => {
      const finishReason = { unified: "other" as const, raw: "the provider's" };
      const first = answered({ calls, warnings: ["a", "b"] });
      const last = answered({ end, finishReason, warnings: ["b", "c"], output: "{}" });
      const { output } = run([asked(first), ran(outcome("a"), outcome("b")), asked(last)]);
      expect(output).toMatchObject({ stopReason: end, finishReason, warnings: ["a", "b", "c"] });
      expect(output).not.toHaveProperty("output");
    },
  );

  it("gives each call a key of its chain, turn and id, and counts what was used", () => {
    const { context } = run([asked(answered({ calls }))]);
    expect(context.orders.map(({ idempotencyKey }: { idempotencyKey: string }) => idempotencyKey)).toEqual(["k/1/a", "k/1/b"]);
    expect(context.usage).toMatchObject({ inputTokens: 1, outputTokens: 1 });
  });

  it("gives calls keys of their own, whatever their ids are", () => {
    const ids = ["a", "a", "a/2", "a", "%61", "ä"];
    const { context } = run([asked(answered({ calls: ids.map((id) => ({ id, name: "x", input: "{}" })) }))]);
    expect(context.orders.map(({ idempotencyKey }: { idempotencyKey: string }) => idempotencyKey)).toEqual([
      ...["k/1/a", "k/1/a/2", "k/1/a%2F2", "k/1/a/4", "k/1/%2561", "k/1/%C3%A4"],
    ]);
  });

  it("tells an output only where it has finished", () => {
    const early = answered({ calls, output: '"early"' });
    expect(run([asked(early), ran(outcome("a", { stops: true }), outcome("b"))]).output).not.toHaveProperty("output");
    expect(run([asked(answered({ output: '"late"' }))]).output).toMatchObject({ output: '"late"' });
  });

  it("counts what every ask has used, the unfit and the refused too", () => {
    expect(run([asked(invalid), asked(invalid)]).context.usage).toMatchObject({ inputTokens: 2 });
    expect(run([asked(full), trimmed(["x"]), asked(answered())]).context.usage).toMatchObject({ inputTokens: 2 });
  });

  it("changes the mode as the last switch of a turn says", () => {
    const { context } = run([asked(answered({ calls })), ran(outcome("a", { mode: "one" }), outcome("b", { mode: "two" }))]);
    expect(context.mode).toBe("two");
  });
});
