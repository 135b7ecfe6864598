/** Thoughts that a compatible server leaves in the text, between tags, are thoughts; what merely looks so is text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { ThinkTags } from "#inference/openai/chat/think-tags";
import { json } from "../../support/wire-server.ts";
import { clientOf, end, HELLO, type Json, resultOf, serve, serveEvents, text } from "./openai-server.ts";

function told(pieces: readonly string[], isOpened = false): { thought: string; said: string } {
  const said: string[] = [];
  const thought: string[] = [];
  const tags = new ThinkTags({ say: (more) => void said.push(more), think: (more) => void thought.push(more) }, isOpened);
  for (const piece of pieces) tags.take(piece);
  tags.end();
  return { thought: thought.join(""), said: said.join("") };
}

describe("thoughts between tags", () => {
  it.each<[string, boolean, string, string]>([
    ["<think>Hm.</think>\n\nYes.", false, "Hm.", "Yes."],
    ["\n<think>\nHm.\n</think>Yes.", false, "\nHm.\n", "Yes."],
    ["<think>It is cut off", false, "It is cut off", ""],
    ["<think></think>Yes.", false, "", "Yes."],
    ["Yes. <think>no tag</think>", false, "", "Yes. <think>no tag</think>"],
    ["<thin", false, "", "<thin"],
    ["  <b>bold</b>", false, "", "  <b>bold</b>"],
    ["Hm.</think>Yes.</think>", true, "Hm.", "Yes.</think>"],
    ["Hm. </thin", true, "Hm. </thin", ""],
  ])("are parted the same way wherever the text is cut (%j, opened: %s)", (whole, isOpened, thought, said) => {
    expect(told([whole], isOpened)).toEqual({ thought, said });
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
        expect(
          told(
            places.slice(1).map((place, at) => whole.slice(places[at], place)),
            isOpened,
          ),
        ).toEqual({ thought, said });
      }),
    );
  });

  const answered = (content: string): Json => ({
    id: "c",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  });

  it("are no part of the answer, whole or streamed, with a schema too", async () => {
    const server = await serve((_request, response) => json(response, 200, answered('<think>Let me see</think>\n{"a":1}')));
    const client = clientOf(server.url, { api: "chat" });
    const { text: whole, output, blocks } = await client.generate(HELLO, { output: z.object({ a: z.number() }) });
    expect([whole, output]).toEqual(['{"a":1}', { a: 1 }]);
    expect(blocks).toMatchObject([{ type: "thinking", text: "Let me see" }, { type: "text" }]);
    expect(server.requests).toHaveLength(1);
    const streamed = await resultOf("chat", text("<thi"), text("nk>Hm.</th"), text("ink> Yes"), text("."), end());
    expect(streamed.blocks).toMatchObject([
      { type: "thinking", text: "Hm." },
      { type: "text", text: "Yes." },
    ]);
  });

  it("are text of OpenAI's own, and where the option says so; a server that opens them by itself is told so", async () => {
    const textOf = async (options: object, content = "<think>Hm.</think>Yes.") =>
      (await clientOf((await serveEvents(text(content), end())).url, { api: "chat", ...options }).stream(HELLO).result).text;
    expect(await textOf({ provider: "openai" })).toBe("<think>Hm.</think>Yes.");
    expect(await textOf({ compatibility: { thinkTags: false } })).toBe("<think>Hm.</think>Yes.");
    expect(await textOf({ compatibility: { thinkTags: "opened" } }, "Hm.</think>Yes.")).toBe("Yes.");
    expect(await textOf({}, "Hm.</think>Yes.")).toBe("Hm.</think>Yes.");
  });
});
