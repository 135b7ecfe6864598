/** The outbox: publishes messages in the order they came, and keeps each until it is there, over a restore too. */
import type { Snapshot } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { relay, relayToParent } from "#contract/base/relay";
import type { OutputMailbox } from "#contract/node/output-mailbox";
import type { HostOf } from "#contract/run/host";

interface Message {
  mailbox: OutputMailbox;
  message: unknown;
  id?: string;
  /** Who gave it, told when it has settled. */
  node?: string;
}

type OutboxEvent =
  | ({ type: "message.publish" } & Message)
  /** The oldest message that was on its way arrived, or did not. */
  | { type: "message.settled"; number: number; error?: string }
  | { type: "xstate.stop" };

type OutboxSnapshot = Snapshot<never> & { pending: readonly (Message & { number: number })[]; next: number };

export interface Outbox {
  /** Puts a message into its mailbox, then calls `settle`, whatever happened. Begins before it returns, so that order is kept. */
  publish(mailbox: OutputMailbox, message: unknown, settle: (error?: string) => void): void;
  /** Tells whoever gave the message its id. */
  acknowledge(id: string, error?: string): void;
}

/**
 * Logic that takes `message.publish { mailbox, message, id? }`, and sends its parent `message.published` or `message.failed` for each.
 */
export function publishMessages(hostOf: HostOf<Outbox>): EffectLogic<undefined, never, OutboxEvent, OutboxSnapshot> {
  type Scope = Parameters<NonNullable<EffectLogic<undefined, never, OutboxEvent, OutboxSnapshot>["start"]>>[1];
  const publish = (scope: Scope, { mailbox, message, number }: Message & { number: number }): void => {
    const settle = (error?: string): void =>
      relay(scope, scope.self, { type: "message.settled", number, ...(error === undefined ? {} : { error }) });
    hostOf(scope.self).publish(mailbox, message, settle);
  };
  return {
    getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined, pending: [], next: 0 }),
    start(snapshot, scope) {
      for (const message of snapshot.pending) publish(scope, message);
    },
    transition(snapshot, event, scope) {
      switch (event.type) {
        case "message.publish": {
          const { type: _type, ...message } = event;
          const numbered = { ...message, number: snapshot.next };
          publish(scope, numbered);
          return { ...snapshot, pending: [...snapshot.pending, numbered], next: snapshot.next + 1 };
        }
        case "message.settled": {
          const settled = snapshot.pending.find(({ number }) => number === event.number);
          if (settled === undefined) return snapshot;
          if (settled.id !== undefined) hostOf(scope.self).acknowledge(settled.id, event.error);
          const of = settled.node === undefined ? {} : { node: settled.node };
          const { mailbox } = settled;
          relayToParent(
            scope,
            event.error === undefined
              ? { type: "message.published", ...of }
              : { type: "message.failed", mailbox, error: event.error, ...of },
          );
          return { ...snapshot, pending: snapshot.pending.filter((message) => message !== settled) };
        }
        case "xstate.stop":
          return { ...snapshot, status: "stopped" } as OutboxSnapshot;
        default:
          return snapshot;
      }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (snapshot) => snapshot as OutboxSnapshot,
  };
}
