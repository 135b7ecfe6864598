/** Whatever is left out of a conversation: the task and the last turn stay, and no call is parted from its result. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trimMessages, withoutThinking } from "#chain/trim-messages";
import { ChatRole } from "#contract/base/vocabulary";
import { blocksOf, type ChatMessage, type ContentBlock } from "#contract/chat/message";

const text = fc.string({ maxLength: 60 });
const said = (role: ChatRole) => text.map((content): ChatMessage[] => [{ role, content }]);
/** An answer that calls tools, with their results; some hand the results over one by one. */
const calls = fc
  .tuple(fc.array(text, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean())
  .map(([inputs, thinks, isApart]): ChatMessage[] => {
    const uses = inputs.map((input, index): ContentBlock => ({ type: "tool-use", id: `${index}`, name: "t", input: { input } }));
    const results = inputs.map((content, index): ContentBlock => ({ type: "tool-result", toolUseId: `${index}`, content }));
    const thoughts: ContentBlock[] = thinks ? [{ type: "thinking", text: "Hm.", signature: "s" }] : [];
    const told: ChatMessage[] = (isApart ? results.map((result) => [result]) : [results]).map((content) => ({
      role: ChatRole.TOOL_RESULT,
      content,
    }));
    return [{ role: ChatRole.ASSISTANT, content: [...thoughts, ...uses] }, ...told];
  });
const conversation = fc
  .tuple(
    fc.array(said(ChatRole.SYSTEM), { maxLength: 2 }),
    said(ChatRole.USER),
    fc.array(fc.oneof(calls, said(ChatRole.USER), said(ChatRole.ASSISTANT)), { maxLength: 12 }),
  )
  .map(([system, task, turns]) => ({ head: [...system.flat(), ...task], tail: turns.flat() }));
const ratio = fc.double({ min: 0.01, max: 0.99, noNaN: true });

const startsTurn = ({ role }: ChatMessage): boolean => role === ChatRole.ASSISTANT || role === ChatRole.USER;

describe("a trimmed conversation", () => {
  it("is the task and the end of the rest, from the start of a turn; shorter each time, until nothing can be left out", () => {
    fc.assert(
      fc.property(conversation, ratio, ({ head, tail }, part) => {
        const whole = [...head, ...tail];
        const trimmed = trimMessages(whole, part);
        const lastTurn = tail.findLastIndex(startsTurn);
        if (trimmed === undefined) {
          expect(lastTurn).toBeLessThanOrEqual(0);
          return;
        }
        const kept = trimmed.slice(head.length);
        expect(trimmed.slice(0, head.length)).toEqual(head);
        expect(kept).toEqual(tail.slice(tail.length - kept.length));
        expect(kept.length).toBeLessThan(tail.length);
        expect(kept.length).toBeGreaterThanOrEqual(tail.length - lastTurn);
        expect(startsTurn(kept[0] as ChatMessage)).toBe(true);
      }),
    );
  });

  it("is as small as was asked for, unless only the last turn is left", () => {
    const sizeOf = (messages: readonly ChatMessage[]): number => messages.reduce((sum, { content }) => sum + content.length, 0);
    const plain = fc.array(fc.oneof(said(ChatRole.USER), said(ChatRole.ASSISTANT)), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(said(ChatRole.USER), plain, ratio, (task, turns, part) => {
        const whole = [...task, ...turns.flat()];
        const trimmed = trimMessages(whole, part) as ChatMessage[];
        if (trimmed.length > task.length + 1) expect(sizeOf(trimmed)).toBeLessThanOrEqual(sizeOf(whole) * part);
      }),
    );
  });

  it("loses its thoughts, and the messages that were nothing else, where they are bound; all else is the same", () => {
    fc.assert(
      fc.property(conversation, ({ head, tail }) => {
        const whole = [...head, ...tail, { role: ChatRole.ASSISTANT, content: [{ type: "thinking", text: "Hm." }] } satisfies ChatMessage];
        const bare = withoutThinking(whole);
        expect(bare.flatMap(blocksOf)).toEqual(whole.flatMap(blocksOf).filter(({ type }) => type !== "thinking"));
        expect(bare).toHaveLength(whole.length - 1);
      }),
    );
  });

  it.each([
    ["no message that is not SYSTEM", [{ role: ChatRole.SYSTEM, content: "x" }]],
    ["no USER message", [{ role: ChatRole.ASSISTANT, content: "x" }]],
    ["nothing after the task", [{ role: ChatRole.USER, content: "x" }]],
  ])("is none where there is %s", (_, messages) => {
    expect(trimMessages(messages, 0.5)).toBeUndefined();
  });
});
