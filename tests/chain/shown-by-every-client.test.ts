/** A chain that is watched, on every client: which parts come in which order, what it comes to, and what a reader that leaves does to the socket. */
import { describe, expect, it } from "vitest";
import type { ChainPart } from "#contract/chat/tool-chain";
import type { ScriptedTurn } from "#testing/script";
import { played, scripted, toolOf } from "../inference/checklist-calls.ts";
import { ask, EVERY_ROW, isolateClients, once } from "../inference/client-rows.ts";
import { begin, RAW } from "../inference/raw-streams.ts";

isolateClients();

const look = toolOf("look", (input) => `saw ${(input as { at: string }).at}`);
const looks = (...places: string[]): ScriptedTurn => ({
  text: "I look.",
  toolCalls: places.map((at) => ({ name: "look", input: { at }, id: `look_${at}` })),
});
const shown = (part: ChainPart): string => {
  if (part.type === "step-start" || part.type === "step-end") return `${part.type} ${part.step}`;
  if (part.type === "text-delta") return `say ${part.text}`;
  return part.type.startsWith("tool") && "id" in part ? `${part.type} ${part.id}` : part.type;
};

describe.each(EVERY_ROW)("a chain that is watched: $name", (row) => {
  const started = async (...turns: (ScriptedTurn | string)[]) =>
    (await scripted(row, turns, { ...once, services: { ids: () => "an-id" } })).client;

  it("shows what the model says and calls, what tools give, and where steps begin and end", async () => {
    const parts: ChainPart[] = [];
    const stream = (await started(looks("home"), "Done, then.")).streamChain(ask(), [look]);
    for await (const part of stream) parts.push(part);
    const told = parts.map(shown).filter((part, index, all) => part !== all[index - 1]);
    const expected = [
      ...["step-start 1", "text-start", "say I ", "say look.", "text-end"],
      ...[
        "tool-input-start look_home",
        "tool-input-delta look_home",
        "tool-call look_home",
        "finish",
        "step-end 1",
        "tool-result look_home",
      ],
      ...["step-start 2", "text-start", "say Done, ", "say then.", "text-end", "finish", "step-end 2"],
    ];
    const isPlaced = (part: string): boolean => row.endsLate === undefined || part !== "text-end";
    expect(told.filter(isPlaced)).toEqual(expected.filter(isPlaced));
    expect(told.toSorted()).toEqual(expected.toSorted());
    expect(parts.find(({ type }) => type === "tool-call")).toMatchObject({ name: "look", input: { at: "home" } });
    expect(parts.find(({ type }) => type === "tool-result")).toMatchObject({ name: "look", content: "saw home", isError: false });
    const ends = parts.flatMap((part) => (part.type === "step-end" ? [part] : []));
    const { usage, finishReason } = await stream.result;
    expect(ends.map((end) => end.finishReason.unified)).toEqual(["tool-calls", "stop"]);
    expect(ends.at(-1)?.finishReason).toEqual(finishReason);
    expect(ends.reduce((sum, end) => sum + end.usage.outputTokens, 0)).toBe(usage.outputTokens);
  });

  it("comes to what toolChain gives, watched or not, and is told by its text alone", async () => {
    const turns = [looks("home", "work"), { thinking: "Hm.", text: "Done, then." }];
    const whole = await (await started(...turns)).toolChain(ask(), [look]);
    expect(whole).toMatchObject({ stopReason: "finished", text: "Done, then.", iterations: 2 });
    expect(await (await started(...turns)).streamChain(ask(), [look]).result).toEqual(whole);
    const stream = (await started(...turns)).streamChain(ask(), [look]);
    let text = "";
    for await (const piece of stream.text) text += piece;
    expect(text).toBe("I look.Done, then.");
    expect(await stream.result).toEqual(whole);
  });

  it("closes the socket of the step that a reader leaves, and asks nothing more", async () => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, once, [...raw.open, ...raw.twoCalls], (response) =>
      begin(response, raw, [...raw.open, raw.text("Hi")]),
    );
    const stream = client.streamChain(ask(), [toolOf("a", () => "did a"), toolOf("b", () => "did b")]);
    for await (const part of stream) if (part.type === "text-delta") break;
    await server.requests[1]?.closed;
    await expect(stream.result).rejects.toMatchObject({ code: "aborted", name: "AbortError" });
    expect(server.requests).toHaveLength(2);
  });
});
