/** Asks the model of a tool chain; nothing is asked before what led here is kept. */
import { type AnyActorRef, fromPromise, type PromiseActorLogic } from "xstate";
import type { ToolChainHost, TurnAnswer } from "#contract/chat/tool-chain";
import type { HostOf } from "#contract/run/host";

/** The part of the chain's context that is read here. */
interface Conversation {
  messages: readonly string[];
  mode: string | null;
}

const conversationOf = (self: AnyActorRef): Conversation => (self._parent as AnyActorRef).getSnapshot().context;

/** The conversation is read off the chain: as input of its own it would be stored twice. */
export const generate = (hostOf: HostOf<ToolChainHost>): PromiseActorLogic<TurnAnswer, undefined> =>
  fromPromise(async ({ self, signal }) => {
    // The chain is still in the transition that started this.
    await undefined;
    const host = hostOf(self);
    await host.keep();
    signal.throwIfAborted();
    const { messages, mode } = conversationOf(self);
    return host.ask(messages, mode, signal);
  });

export const trimConversation = (hostOf: HostOf<ToolChainHost>): PromiseActorLogic<readonly string[] | null, undefined> =>
  fromPromise(async ({ self }) => {
    await undefined;
    return hostOf(self).trim(conversationOf(self).messages) ?? null;
  });
