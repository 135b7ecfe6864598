/** A chain's conversation as its model gets it: parsed once, with its mode's prompt, and in text where the model has no tools. */

import { ChatRole } from "#contract/base/vocabulary";
import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type FileBlock,
  filesOfResult,
  type TextBlock,
  textOf,
  textOfResult,
} from "#contract/chat/message";
import type { ToolParser } from "#contract/chat/tool-chain";

/** Follows the texts of the chain's state: what did not change is the same message as before. */
export class ParsedMessages {
  #texts: readonly string[];
  readonly #messages: ChatMessage[];
  /** Whether the texts are of the chain's state. */
  #isOwn = false;

  /** Messages whose object is known already. */
  constructor(messages: readonly ChatMessage[], texts: readonly string[]) {
    this.#texts = texts;
    this.#messages = [...messages];
  }

  /** @returns good until the next call: it may grow then */
  of(texts: readonly string[]): readonly ChatMessage[] {
    const known = this.#texts;
    const last = known.length - 1;
    // The chain's state only adds to what it was, unless it is restored, or trimmed, which makes it shorter.
    const isLonger = this.#isOwn && texts.length > last && texts[last] === known[last];
    let at = isLonger ? known.length : 0;
    while (at < known.length && at < texts.length && known[at] === texts[at]) at++;
    this.#messages.splice(at);
    for (; at < texts.length; at++) this.#messages.push(JSON.parse(texts[at] as string) as ChatMessage);
    this.#texts = texts;
    this.#isOwn = true;
    return this.#messages;
  }
}

const rendered = new WeakMap<ChatMessage, ChatMessage>();

/** Tool calls and results as text, for a model that knows neither. */
export function inText(messages: readonly ChatMessage[], parser: ToolParser): ChatMessage[] {
  const names = new Map<string, string>();
  return messages.map((message) => {
    let text = rendered.get(message);
    for (const block of blocksOf(message)) if (block.type === "tool-use") names.set(block.id, block.name);
    if (text === undefined) {
      text = messageInText(message, parser, names);
      rendered.set(message, text);
    }
    return text;
  });
}

/** @param names of the tools that were called so far, by the call's id, which the model never saw */
function messageInText(message: ChatMessage, parser: ToolParser, names: ReadonlyMap<string, string>): ChatMessage {
  const blocks = blocksOf(message);
  if (message.role === ChatRole.TOOL_RESULT) {
    return { role: ChatRole.USER, content: resultsInText(blocks, names) };
  }
  const calls = blocks.flatMap((block) => (block.type === "tool-use" ? [block] : []));
  if (calls.length === 0) return message;
  return {
    role: ChatRole.ASSISTANT,
    content: [textOf(blocks), ...calls.map((call) => parser.render(call))].filter((part) => part !== "").join("\n\n"),
  };
}

/** Files stand after the result that they are of. */
function resultsInText(blocks: readonly ContentBlock[], names: ReadonlyMap<string, string>): ChatMessage["content"] {
  const told = blocks.flatMap((block): (TextBlock | FileBlock)[] => {
    if (block.type !== "tool-result") return [];
    const text = `${block.isError === true ? "Error" : "Result"} of ${names.get(block.toolUseId) ?? "a tool"}:\n${textOfResult(block.content)}`;
    return [{ type: "text", text }, ...filesOfResult(block.content)];
  });
  return told.some(({ type }) => type === "file") ? told : told.map((part) => (part as TextBlock).text).join("\n\n");
}
