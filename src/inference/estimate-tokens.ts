/** How many tokens a request is about, before anybody counted: characters by three, which is on the high side for English and code. */
import type { ContentBlock } from "../contract/chat.ts";
import type { ModelRequest, WireMessage, WireTool } from "../contract/wire.ts";

const CHARACTERS_PER_TOKEN = 3;
/** Roles and separators. */
const TOKENS_PER_MESSAGE = 4;
/** About what providers count for a large image. */
const TOKENS_PER_IMAGE = 1_600;

/** A conversation grows by its end: what was counted once is not counted again. */
const counted = new WeakMap<object, number>();

function once(key: object, count: () => number): number {
  let tokens = counted.get(key);
  if (tokens === undefined) {
    tokens = count();
    counted.set(key, tokens);
  }
  return tokens;
}

const ofText = (text: string): number => Math.ceil(text.length / CHARACTERS_PER_TOKEN);

function ofBlock(block: ContentBlock): number {
  switch (block.type) {
    case "text":
    case "thinking":
      return ofText(block.text);
    case "image":
      return TOKENS_PER_IMAGE;
    case "tool-use":
      return ofText(block.name + (JSON.stringify(block.input) ?? ""));
    case "tool-result":
      return ofText(block.content);
  }
}

const ofMessage = (message: WireMessage): number =>
  once(message.blocks, () => message.blocks.reduce((sum, block) => sum + ofBlock(block), TOKENS_PER_MESSAGE));
const ofTool = (tool: WireTool): number =>
  once(tool.inputSchema, () => ofText(tool.name + tool.description + JSON.stringify(tool.inputSchema)));

export function estimateTokens({ system, messages, tools }: ModelRequest): number {
  const said = [...system, ...messages].reduce((sum, message) => sum + ofMessage(message), 0);
  return tools.reduce((sum, tool) => sum + ofTool(tool), said);
}

/** Of what is said alone. */
export const estimateBlocks = (blocks: readonly ContentBlock[]): number =>
  once(blocks, () => blocks.reduce((sum, block) => sum + ofBlock(block), TOKENS_PER_MESSAGE));
