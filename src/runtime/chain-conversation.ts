/** A chain's conversation as its model gets it: parsed once, with its mode's prompt, and in text where the model has no tools. */
import { blocksOf, type ChatMessage, textOf } from "../contract/chat.ts";
import type { ToolParser } from "../contract/tool-chain.ts";
import { ChatRole } from "../contract/vocabulary.ts";

/** Follows the texts of the chain's state: what did not change is the same message as before. */
export class ParsedMessages {
  #texts: readonly string[] = [];
  #messages: ChatMessage[] = [];

  /** Messages whose object is known already. */
  constructor(messages: readonly ChatMessage[], texts: readonly string[]) {
    this.#texts = texts;
    this.#messages = [...messages];
  }

  of(texts: readonly string[]): readonly ChatMessage[] {
    if (texts === this.#texts) return this.#messages;
    const known = this.#texts;
    this.#messages = texts.map((text, index) =>
      text === known[index] ? (this.#messages[index] as ChatMessage) : (JSON.parse(text) as ChatMessage),
    );
    this.#texts = texts;
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
    const results = blocks.map((block) =>
      block.type === "tool-result"
        ? `${block.isError === true ? "Error" : "Result"} of ${names.get(block.toolUseId) ?? "a tool"}:\n${block.content}`
        : "",
    );
    return { role: ChatRole.USER, content: results.join("\n\n") };
  }
  const calls = blocks.flatMap((block) => (block.type === "tool-use" ? [block] : []));
  if (calls.length === 0) return message;
  return {
    role: ChatRole.ASSISTANT,
    content: [textOf(blocks), ...calls.map((call) => parser.render(call))].filter((part) => part !== "").join("\n\n"),
  };
}
