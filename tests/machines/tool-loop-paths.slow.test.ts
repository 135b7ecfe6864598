/** Every path through the chart of a tool chain, as it is and through JSON before each step: the same end, and the same laws on the way. */

import { toolLoopMachine } from "asimov-agents/machines";
import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, transition } from "xstate";
import { getShortestPaths, getSimplePaths } from "xstate/graph";
import { trimMessages } from "#chain/trim-messages";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import type { ToolOrder, ToolOutcome, TurnAnswer } from "#contract/chat/tool-chain";
import { addUsage, type Usage } from "#contract/chat/usage";
import { endsOf, explore, idle, type ModelEvent, restored, statesOf, textOf } from "./explore.ts";

const machine = toolLoopMachine.provide({ actors: { generate: idle, runTools: idle, trimConversation: idle } as never });
const FINAL = ["aborted", "contextLength", "cutShort", "failed", "finished", "maxIterations", "stopped"];
const STATES = ["asking", "running", "stopping", "trimming", ...FINAL].sort();

interface Context {
  messages: readonly string[];
  orders: readonly ToolOrder[];
  iterations: number;
  maxIterations: number;
  usage: Usage;
  repairs: number;
  mode: string | null;
}
const contextOf = (snapshot: AnyMachineSnapshot): Context => snapshot.context as Context;
const inputOf = (maxIterations: number) => ({ key: "k", messages: ['{"role":"USER","content":"go"}'], mode: null, maxIterations });

/** Each kind of answer costs its own, so that a sum tells which came. */
const usageOf = (inputTokens: number): Usage => ({ inputTokens, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 });

const finishReason = { unified: "stop", raw: "stop" } as const;

function answered(inputTokens: number, ids: readonly string[], over: object = {}): TurnAnswer {
  const content = ids.map((id) => ({ type: "tool-use", id, name: "t", input: {} }));
  const calls = ids.map((id) => ({ id, name: "t", input: "{}" }));
  const message = JSON.stringify({ role: "ASSISTANT", content });
  return {
    kind: "answered",
    message,
    text: `said ${inputTokens}`,
    calls,
    end: "finished",
    finishReason,
    warnings: [],
    usage: usageOf(inputTokens),
    ...over,
  };
}
const said = (role: string, content: string): string => JSON.stringify({ role, content });
const answers: TurnAnswer[] = [
  answered(1, []),
  answered(10, [], { output: '{"n":1}' }),
  answered(100, ["a"]),
  // Not every server makes ids distinct.
  answered(1_000, ["a", "a", "b"]),
  answered(10_000, ["c"], { end: "length" }),
  answered(20, [], { end: "empty" }),
  answered(40_000, ["d"], { end: "content-filter" }),
  { kind: "stopped" },
  { kind: "invalid-output", message: said("ASSISTANT", "no"), repair: said("USER", "again"), usage: usageOf(100_000) },
  { kind: "context-full", usage: usageOf(1_000_000) },
];

const outcomesOf = (orders: readonly ToolOrder[], last: Partial<ToolOutcome> = {}): ToolOutcome[] =>
  orders.map(({ id }, index) => ({ id, content: `${index}`, isError: index > 0, ...(index === orders.length - 1 ? last : {}) }));

function eventsOf(snapshot: AnyMachineSnapshot): ModelEvent[] {
  const { messages, orders, usage } = contextOf(snapshot);
  // Full again and again, a chain would only count what that costs: twice is enough to walk by.
  const known = usage.inputTokens < 2_000_000 ? answers : answers.filter(({ kind }) => kind !== "context-full");
  const trimmed = trimMessages(
    messages.map((text) => JSON.parse(text) as ChatMessage),
    0.5,
  )?.map((message) => JSON.stringify(message));
  const runs = [outcomesOf(orders), outcomesOf(orders, { mode: "other" }), outcomesOf(orders, { stops: true })];
  const gone = [new Error("gone")];
  return [
    { type: "chain.abort" },
    ...endsOf(
      snapshot,
      { generate: known, runTools: runs, trimConversation: [trimmed ?? null] },
      { generate: gone, runTools: gone, trimConversation: gone },
    ),
  ];
}

/** The names of the states that a snapshot is in, as a path. */
const stateOf = ({ value }: AnyMachineSnapshot): string =>
  typeof value === "string"
    ? value
    : (Object.entries(value as Record<string, string>).map(([outer, inner]) => `${outer}.${inner}`)[0] ?? "");

/** The tool calls that have no result in the message after them; throws for a result without its call. */
function openCalls(texts: readonly string[]): string[] {
  const messages = texts.map((text) => JSON.parse(text) as ChatMessage);
  const open: string[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    const blocks = typeof content === "string" ? [] : (content as ContentBlock[]);
    const calls = blocks.flatMap((block) => (block.type === "tool-use" ? [block.id] : []));
    const next = messages[index + 1];
    const results = next?.role === "TOOL_RESULT" ? (next.content as ContentBlock[]) : [];
    const answeredIds = results.flatMap((block) => (block.type === "tool-result" ? [block.toolUseId] : []));
    if (role === "ASSISTANT" && calls.length > 0 && next === undefined) open.push(...calls);
    else expect(answeredIds, "each call has one result, in call order").toEqual(role === "ASSISTANT" ? calls : []);
  }
  return open;
}

interface Walk {
  keys: Set<string>;
  usage: Usage;
}

/** What holds wherever a chain rests. */
function requireLaws(snapshot: AnyMachineSnapshot, event: ModelEvent | undefined, walk: Walk): void {
  const { messages, orders, iterations, maxIterations, usage, repairs } = contextOf(snapshot);
  const state = stateOf(snapshot);
  const { type, output }: Partial<ModelEvent> = event ?? {};
  if (type === "xstate.done.actor.ask") {
    const answer = output as TurnAnswer;
    if (answer.kind !== "stopped") walk.usage = addUsage(walk.usage, answer.usage);
    for (const { idempotencyKey } of orders) {
      expect(walk.keys, "no two calls of a chain have one key").not.toContain(idempotencyKey);
      walk.keys.add(idempotencyKey);
    }
  }
  expect(usage).toEqual(walk.usage);
  expect(iterations).toBeLessThanOrEqual(maxIterations);
  expect(repairs).toBeGreaterThanOrEqual(0);
  const open = openCalls(messages);
  // A chain that failed tells no conversation.
  if (state !== "failed") expect(open).toEqual(orders.map(({ id }) => id));
  if (state !== "failed") expect(open.length > 0).toBe(state === "running" || state === "stopping");
  if (state === "asking") expect(iterations, "no question is asked that is one too many").toBeLessThan(maxIterations);
  if (snapshot.status === "active") return;
  const { end } = snapshot.context as { end: string };
  const reasons: Record<string, string> = { maxIterations: "max-iterations", contextLength: "context-length", cutShort: end };
  expect(snapshot.output).toMatchObject({ stopReason: reasons[state] ?? state, messages, usage, iterations });
  expect("output" in (snapshot.output as object)).toBe(state === "finished" && (output as { output?: string }).output !== undefined);
}

const NOTHING: Usage = { ...usageOf(0), outputTokens: 0 };

/** Walks a path's events, as they are or through JSON before each; gives the last state as text. */
function follow(start: AnyMachineSnapshot, events: readonly ModelEvent[], throughJson: boolean): AnyMachineSnapshot {
  const walk: Walk = { keys: new Set(), usage: NOTHING };
  let snapshot = start;
  requireLaws(snapshot, undefined, walk);
  for (const event of events) {
    const from = throughJson ? restored(machine, textOf(machine, snapshot)) : snapshot;
    [snapshot] = transition(machine, from as never, event as never) as unknown as [AnyMachineSnapshot];
    requireLaws(snapshot, event, walk);
  }
  return snapshot;
}

type Paths = ReturnType<typeof getSimplePaths<typeof machine>>;

/** @returns how many paths end in which state */
function walkAll(paths: Paths): Record<string, number> {
  const ends: Record<string, number> = {};
  for (const { steps, state } of paths) {
    const [first, ...rest] = steps;
    if (first === undefined) continue;
    const events = rest.map(({ event }) => event as ModelEvent);
    const whole = textOf(machine, state as AnyMachineSnapshot);
    for (const throughJson of [false, true]) {
      const start = rest.length === 0 ? (state as AnyMachineSnapshot) : (first.state as AnyMachineSnapshot);
      const end = follow(start, events, throughJson);
      expect(textOf(machine, end)).toBe(whole);
      expect(end.output).toEqual((state as AnyMachineSnapshot).output);
    }
    const name = stateOf(state as AnyMachineSnapshot);
    ends[name] = (ends[name] ?? 0) + 1;
  }
  return ends;
}

const options = (maxIterations: number) => ({
  input: inputOf(maxIterations),
  events: eventsOf as never,
  limit: 200_000,
  serializeState: (state: AnyMachineSnapshot) => textOf(machine, state),
});

describe("every path of a tool chain", () => {
  it("is in a chart whose states are all reached, and goes on the same from JSON at every step", { timeout: 120_000 }, () => {
    const { reached, steps } = explore(machine, inputOf(3), eventsOf);
    expect(statesOf(machine)).toEqual(STATES);
    expect([...reached].sort()).toEqual(STATES);
    expect(steps).toBeGreaterThan(1_000);
  });

  it("keeps the laws on each simple path to each end, as it is and restored before each step", { timeout: 120_000 }, () => {
    const ends = walkAll(getSimplePaths(machine, options(2) as never) as Paths);
    expect(Object.keys(ends)).toEqual(expect.arrayContaining(FINAL));
  });

  it("keeps them on each shortest path of a longer chain too", { timeout: 120_000 }, () => {
    const ends = walkAll(getShortestPaths(machine, options(3) as never) as Paths);
    expect(Object.keys(ends)).toEqual(expect.arrayContaining(FINAL));
    expect(ends.stopped).toBeGreaterThan(100);
  });
});
