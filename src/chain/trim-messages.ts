/** Leaves out the oldest part of a conversation; what is left starts with a user, and no tool call is parted from its result. */

import { ChatRole } from "#contract/base/vocabulary";
import { blocksOf, type ChatMessage, type ContentBlock } from "#contract/chat/message";

/** About as much as a large image costs, told in characters; of other files, as good a guess as any. */
const FILE_SIZE = 5_000;

function blockSize(block: ContentBlock): number {
  switch (block.type) {
    case "text":
    case "thinking":
      return block.text.length;
    case "tool-use":
      return block.name.length + (JSON.stringify(block.input) ?? "").length;
    case "tool-result":
      return typeof block.content === "string" ? block.content.length : block.content.reduce((sum, part) => sum + blockSize(part), 0);
    case "provider":
      return (JSON.stringify(block.value) ?? "").length;
    case "file":
    case "image":
      return FILE_SIZE;
  }
}

/** Characters, as far as they tell which part of a conversation is large. */
const sizeOf = (message: ChatMessage): number => blocksOf(message).reduce((sum, block) => sum + blockSize(block), 0);

const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);

/**
 * @param ratio the part of the size that may be left, between 0 and 1
 * @returns the shorter conversation, or `undefined` when nothing can be left out
 */
export function trimMessages(messages: readonly ChatMessage[], ratio: number): ChatMessage[] | undefined {
  const leading = messages.findIndex(({ role }) => role !== ChatRole.SYSTEM);
  const task = messages.findIndex(({ role }, index) => index >= leading && role === ChatRole.USER);
  if (leading === -1 || task === -1) return undefined;
  const head = [...messages.slice(0, leading), messages[task] as ChatMessage];
  const tail = messages.slice(task + 1);
  const sizes = tail.map(sizeOf);
  const kept = total(head.map(sizeOf));
  let left = total(sizes);
  const allowed = (kept + left) * ratio - kept;
  let cut = 0;
  // The last turn stays, whatever its size: without it there is nothing to answer.
  const last = tail.findLastIndex(startsTurn);
  for (let index = 0; index < tail.length && index <= last; index++) {
    if (startsTurn(tail[index] as ChatMessage) && index > 0) {
      cut = index;
      if (left <= allowed) break;
    }
    left -= sizes[index] as number;
  }
  return cut === 0 ? undefined : [...head, ...tail.slice(cut)];
}

/** A result belongs to the answer before it; everything else may come first after the task. */
const startsTurn = ({ role }: ChatMessage): boolean => role === ChatRole.ASSISTANT || role === ChatRole.USER;

/**
 * For models whose thoughts are bound to the exact conversation before them: once that was shortened, none may go back, not even
 * the latest. A message that was nothing but thoughts is left out whole.
 */
export function withoutThinking(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.flatMap((message) => {
    if (typeof message.content === "string" || message.content.every(({ type }) => type !== "thinking")) return [message];
    const content = message.content.filter(({ type }) => type !== "thinking");
    return content.length === 0 ? [] : [{ ...message, content }];
  });
}
