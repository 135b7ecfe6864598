/** How a chain ended, and what its calls were warned of, on every client: nothing of either is hidden, watched or not. */
import { describe, expect, it } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { ToolChainOptions, ToolChainResult } from "#contract/chat/tool-chain";
import type { ScriptedTurn } from "#testing/script";
import * as anthropic from "../inference/anthropic/messages-server.ts";
import { played, rowOf, scripted, toolOf } from "../inference/checklist-calls.ts";
import { ask, type ClientRow, EVERY_ROW, isolateClients, once } from "../inference/client-rows.ts";
import * as openai from "../inference/openai/openai-server.ts";
import type { Json, Play } from "../inference/raw-streams.ts";
import { json } from "../support/wire-server.ts";

isolateClients();

const look = toolOf("look", () => "saw it");
const looks: ScriptedTurn = { toolCalls: [{ name: "look", id: "look_1" }] };

/** Of a chain that nobody watches, and of one that somebody does. */
async function both(client: InferenceClient, options: ToolChainOptions = {}): Promise<(ToolChainResult & { steps?: string[][] })[]> {
  const whole = await client.toolChain(ask(), [look], options);
  const stream = client.streamChain(ask(), [look], options);
  const steps: string[][] = [];
  for await (const part of stream) if (part.type === "step-end") steps.push([...part.warnings]);
  return [whole, { ...(await stream.result), steps }];
}

type End = { name: string; turn: ScriptedTurn; stopReason: string; text: string };
const ENDS: End[] = [
  { name: "length", turn: { text: "It is", finishReason: "length" }, stopReason: "length", text: "It is" },
  { name: "content-filter", turn: { text: "It is", finishReason: "content-filter" }, stopReason: "content-filter", text: "It is" },
  { name: "empty", turn: {}, stopReason: "empty", text: "" },
  { name: "empty but for thoughts", turn: { thinking: "Hm." }, stopReason: "empty", text: "" },
];

/** The filter of Anthropic's own API is the model's refusal. */
const isSaidBy = ({ format }: ClientRow, { name }: End): boolean => !(format === "anthropic" && name === "content-filter");

describe("the end of a chain", () => {
  const cases = EVERY_ROW.flatMap((row) => ENDS.filter((end) => isSaidBy(row, end)).map((end) => ({ ...row, row, end, of: end.name })));
  it.each(cases)("is told after a call of a tool: $of: $name", async ({ row, end: { turn, stopReason, text } }) => {
    const { client, server } = await scripted(row, [looks, turn, looks, turn]);
    for (const result of await both(client, { thinking: true })) expect(result).toMatchObject({ stopReason, text, iterations: 2 });
    server.assertDone();
  });
});

const NO = "I will not.";
const refusalItem = (content: Json[]): Json => ({ id: "msg_1", type: "message", role: "assistant", content });
const responsesRefusal = [refusalItem([{ type: "refusal", refusal: NO }])];
const ofAnthropic = {
  whole: { ...anthropic.answerOf(NO), stop_reason: "refusal" },
  events: [
    anthropic.START,
    anthropic.blockStart({ type: "text", text: "" }),
    anthropic.text(NO),
    anthropic.stop(),
    ...anthropic.end("refusal"),
  ],
};
const REFUSALS: Partial<Record<ClientRow["format"], { whole: Json; events: Json[] }>> = {
  anthropic: ofAnthropic,
  "openai-responses": {
    whole: { ...openai.hiAnswer("responses"), output: responsesRefusal },
    events: [
      { type: "response.output_item.added", output_index: 0, item: refusalItem([]) },
      ...["I will ", "not."].map((delta) => ({
        type: "response.refusal.delta",
        item_id: "msg_1",
        output_index: 0,
        content_index: 0,
        delta,
      })),
      { type: "response.output_item.done", output_index: 0, item: responsesRefusal[0] },
      openai.completed({ output: responsesRefusal }),
    ],
  },
  "openai-chat": {
    whole: {
      ...openai.hiAnswer("chat"),
      choices: [{ index: 0, message: { role: "assistant", content: null, refusal: NO }, finish_reason: "stop" }],
    },
    events: [openai.chunk({ role: "assistant", refusal: "I will " }), openai.chunk({ refusal: "not." }), openai.end()],
  },
};
/** Some servers tell a message whole, at its end. */
const UNSTREAMED = (REFUSALS["openai-responses"]?.events ?? []).filter(({ type }) => type !== "response.refusal.delta");

/** The package for servers that speak as OpenAI does reads no refusals. */
const REFUSING = EVERY_ROW.flatMap((row) => {
  const refusal = REFUSALS[row.format];
  return refusal === undefined || row.name === "AI SDK, OpenAI-compatible" ? [] : [{ ...row, refusal }];
});

describe("a chain that the model refuses", () => {
  it.each(REFUSING)("says so, and what the model said, with a schema or without: $name", async ({ refusal, ...row }) => {
    const whole: Play = (response) => json(response, 200, refusal.whole);
    const { client } = await played(row, once, whole, (response) => openai.sendAll(response, ...refusal.events));
    const { text, finishReason } = await client.generate(ask());
    expect({ text, finishReason }).toMatchObject({ text: NO, finishReason: { unified: "content-filter" } });
    const expected = { stopReason: "refused", text: NO, iterations: 1, finishReason };
    for (const result of await both(client)) expect(result).toMatchObject(expected);
    for (const result of await both(client, { output: { type: "object" } })) expect(result).toMatchObject(expected);
  });

  it("says so where a stream of the Responses API tells the refusal at its end alone", async () => {
    const { client } = await played(rowOf("openai-responses"), once, (response) => openai.sendAll(response, ...UNSTREAMED));
    expect(await client.toolChain(ask(), [])).toMatchObject({ stopReason: "refused", text: NO });
  });
});

describe("the warnings of a chain", () => {
  it.each(EVERY_ROW)("are those of every call, each once, and each with its step: $name", async (row) => {
    const capabilities = { sampling: false, noToolChoice: false };
    const turns = [looks, looks, "Done."];
    const { client, server } = await scripted(row, [...turns, ...turns], { ...once, capabilities });
    const options: ToolChainOptions = { prepareStep: ({ steps }) => (steps < 2 ? { temperature: 0.5 } : { toolChoice: "none" }) };
    const told = [/temperature/, /toolChoice "none"/].map((what) => expect.stringMatching(what));
    for (const { warnings, steps } of await both(client, options)) {
      expect(warnings).toEqual(told);
      expect(steps ?? [[told[0]], [told[0]], [told[1]]]).toEqual([[told[0]], [told[0]], [told[1]]]);
    }
    server.assertDone();
  });
});
