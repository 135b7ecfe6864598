/** Asks the model of a tool chain; nothing is asked before what led here is kept. */
import { type AnyActorRef, fromPromise, type PromiseActorLogic } from "xstate";
import type { ChainState, ToolChainHost, TurnAnswer } from "#contract/chat/tool-chain";
import type { HostOf } from "#contract/run/host";

const stateOf = (self: AnyActorRef): ChainState => (self._parent as AnyActorRef).getSnapshot().context;

/** The conversation is read off the chain: as input of its own it would be stored twice. */
export const generate = (hostOf: HostOf<ToolChainHost>): PromiseActorLogic<TurnAnswer, undefined> =>
  fromPromise(async ({ self, signal }) => {
    // The chain is still in the transition that started this.
    await undefined;
    const host = hostOf(self);
    await host.keep();
    signal.throwIfAborted();
    return host.ask(stateOf(self), signal);
  });

export const trimConversation = (hostOf: HostOf<ToolChainHost>): PromiseActorLogic<readonly string[] | null, undefined> =>
  fromPromise(async ({ self }) => {
    await undefined;
    return hostOf(self).trim(stateOf(self).messages) ?? null;
  });
