/** Messages as users write them to messages as converters get them: nothing empty, nothing of another model's, system first. */
import { blocksOf, type ChatMessage, type ContentBlock } from "../contract/chat.ts";
import { ChatRole } from "../contract/vocabulary.ts";
import type { WireMessage } from "../contract/wire.ts";

export interface Audience {
  provider: string;
  model: string;
  images: boolean;
  systemAnywhere: boolean;
}

/** What a converter gets of one message, kept for the next turn: a conversation grows by its end. */
interface Kept {
  message: WireMessage | undefined;
  lacksImages: boolean;
  /** As the message was: one that its owner has changed since is converted again. */
  original: ChatMessage;
  length: number;
}
const kept = new WeakMap<ChatMessage, Map<string, Kept>>();

function isCurrent({ original, length }: Kept, { role, content, cacheMarker, modelFamilies }: ChatMessage): boolean {
  return (
    original.content === content &&
    length === content.length &&
    original.role === role &&
    original.cacheMarker === cacheMarker &&
    original.modelFamilies === modelFamilies
  );
}

function blocksFor(block: ContentBlock, { provider, model, images }: Audience): ContentBlock[] {
  const { native } = block as { native?: { provider: string; model: string } };
  const isForeign = native !== undefined && (native.provider !== provider || native.model !== model);
  switch (block.type) {
    case "thinking":
      return isForeign ? [] : [block];
    case "text": {
      const { native: own, ...plain } = block;
      if (block.text === "" && (own === undefined || isForeign)) return [];
      return [isForeign ? plain : block];
    }
    case "tool-use": {
      const { native: _native, ...plain } = block;
      return [isForeign ? plain : block];
    }
    case "tool-result":
      // Providers refuse a result without text.
      return [block.content === "" ? { ...block, content: "(no output)" } : block];
    case "image":
      return [images ? block : { type: "text", text: "(an image that this model cannot see)" }];
  }
}

function convert(message: ChatMessage, audience: Audience): Kept {
  const { cacheMarker = false, modelFamilies, role } = message;
  const isMeant =
    modelFamilies === undefined || modelFamilies.some((family) => audience.model.toLowerCase().includes(family.toLowerCase()));
  const blocks = isMeant ? blocksOf(message).flatMap((block) => blocksFor(block, audience)) : [];
  const lacksImages = isMeant && !audience.images && blocksOf(message).some(({ type }) => type === "image");
  return {
    message: blocks.length === 0 ? undefined : { role, blocks, cacheMarker },
    lacksImages,
    original: { ...message },
    length: message.content.length,
  };
}

function asInstruction(message: WireMessage): WireMessage {
  return { ...message, role: ChatRole.USER, blocks: [{ type: "text", text: "[Instruction of the system]" }, ...message.blocks] };
}

export interface Conversation {
  system: WireMessage[];
  messages: WireMessage[];
  lacksImages: boolean;
  /** SYSTEM messages that had to be said by the user. */
  movedSystem: boolean;
}

export function wireMessages(given: readonly ChatMessage[], audience: Audience): Conversation {
  const key = `${audience.provider} ${audience.model} ${audience.images} ${audience.systemAnywhere}`;
  const keyAfter = `${key} after`;
  const conversation: Conversation = { system: [], messages: [], lacksImages: false, movedSystem: false };
  for (const original of given) {
    let known = kept.get(original);
    if (known === undefined) {
      known = new Map();
      kept.set(original, known);
    }
    const isLeading = conversation.messages.length === 0;
    const place = isLeading ? key : keyAfter;
    let converted = known.get(place);
    if (converted === undefined || !isCurrent(converted, original)) {
      converted = convert(original, audience);
      if (converted.message?.role === ChatRole.SYSTEM && !isLeading && !audience.systemAnywhere) {
        converted = { ...converted, message: asInstruction(converted.message) };
      }
      known.set(place, converted);
    }
    conversation.lacksImages ||= converted.lacksImages;
    const { message } = converted;
    if (message === undefined) continue;
    if (message.role === ChatRole.SYSTEM && isLeading) conversation.system.push(message);
    else conversation.messages.push(message);
    conversation.movedSystem ||= original.role === ChatRole.SYSTEM && message.role !== ChatRole.SYSTEM;
  }
  return conversation;
}
