/** Where SYSTEM messages stand in the middle of a conversation: after all that the user says in the turn; where the user says nothing, they are said in the user's place. */
import { ChatRole } from "#contract/base/vocabulary";
import type { WireMessage } from "#contract/chat/wire";
import { asInstruction } from "./wire-messages.ts";

/** Blank text is not sent. */
const saysSomething = ({ blocks }: WireMessage): boolean => blocks.some((block) => block.type !== "text" || block.text.trim() !== "");

/** For APIs that refuse SYSTEM right after an answer. Each turn is placed by itself, so that a prefix stays what it was. */
export function placeSystem(messages: readonly WireMessage[]): readonly WireMessage[] {
  if (messages.every(({ role }) => role !== ChatRole.SYSTEM)) return messages;
  const placed: WireMessage[] = [];
  let said: WireMessage[] = [];
  let system: WireMessage[] = [];
  const endTurn = (): void => {
    placed.push(...said, ...(said.length === 0 ? system.map(asInstruction) : system));
    said = [];
    system = [];
  };
  for (const message of messages) {
    if (message.role === ChatRole.SYSTEM) system.push(message);
    else if (message.role !== ChatRole.ASSISTANT) {
      if (saysSomething(message)) said.push(message);
    } else {
      endTurn();
      placed.push(message);
    }
  }
  endTurn();
  return placed;
}
