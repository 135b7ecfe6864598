/** What every client tells beside its answer: the model that gave it, in the provider's word, and its parts to who follows the run that asks. */
import { describe, expect, it } from "vitest";
import { Agent } from "#agent";
import { Task } from "#contract/base/task";
import type { ModelDelta } from "#contract/run/model-delta";
import { nodeOf, success } from "../run/support.ts";
import { json } from "../support/wire-server.ts";
import { MODEL as CLAUDE } from "./anthropic/messages-server.ts";
import { played, scripted, toolOf } from "./checklist-calls.ts";
import { ask, type ClientRow, EVERY_ROW, isolateClients, once } from "./client-rows.ts";
import { MODEL as GEMINI } from "./gemini/gemini-server.ts";
import { MODEL as GPT } from "./openai/openai-server.ts";
import { RAW, textStream } from "./raw-streams.ts";

isolateClients();

/** Of an alias; Bedrock tells no other word than the one it was asked by. */
const TOLD: Readonly<Record<ClientRow["format"], string>> = {
  anthropic: CLAUDE,
  bedrock: "an-alias",
  "openai-responses": GPT,
  "openai-chat": GPT,
  gemini: GEMINI,
};

describe.each(EVERY_ROW)("what is told beside an answer: $name", (row) => {
  it("is the model that gave it, in the provider's word, whole and streamed", async () => {
    const raw = RAW[row.format];
    const { client } = await played(
      row,
      { ...once, model: "an-alias" },
      (response) => json(response, 200, raw.whole),
      textStream(raw, "Hi"),
    );
    expect((await client.generate(ask())).model).toBe(TOLD[row.format]);
    expect((await client.stream(ask()).result).model).toBe(TOLD[row.format]);
    expect(client.model).toBe("an-alias");
  });

  it("are the parts of its answers, and what its tools gave, as events of the run", async () => {
    const { client, server } = await scripted(row, [{ text: "I look.", toolCalls: [{ name: "look", id: "look_1" }] }, "Done, then.", "Hi"]);
    const work = async () => {
      const { text } = await client.toolChain(ask(), [toolOf("look", () => "saw it")]);
      return success(text + (await client.generate(ask())).text);
    };
    const run = new Agent({ nodes: [nodeOf("asks", [], work)] }).start(new Task({ type: "test", objective: "Ask" }));
    const told: ModelDelta[] = [];
    for await (const event of run.events({ deltas: true })) if (event.type === "model.delta") told.push(event);
    expect((await run.outcome).results.asks).toBe("Done, then.Hi");
    const parts = told.map(({ part }) => part);
    expect(parts.flatMap((part) => (part.type === "text-delta" ? [part.text] : [])).join("")).toBe("I look.Done, then.Hi");
    expect(parts.filter(({ type }) => type === "finish")).toHaveLength(3);
    expect(parts.find(({ type }) => type === "tool-call")).toMatchObject({ name: "look", id: "look_1" });
    const result = { type: "tool-result", id: "look_1", name: "look", content: "saw it", isError: false };
    expect(parts.filter(({ type }) => type === "tool-result")).toEqual([result]);
    expect(new Set(told.map(({ node, visit, attempt }) => `${node} ${visit} ${attempt}`))).toEqual(new Set(["asks 1 1"]));
    // Who is followed is asked for a stream, also by `generate`.
    expect(server.requests.map(({ stream }) => stream)).toEqual([true, true, true]);
  });
});
