/** What a node says when a visit has ended: its report, and the messages for its mailboxes. */

import { listOf } from "#contract/base/growing-list";
import { type Attempt, decisionOf, nodeResultOf } from "./attempt.ts";
import type { NodeDefinition } from "./definition.ts";
import type { OutputMailbox } from "./output-mailbox.ts";
import type { Failure, NodeReport } from "./result.ts";

export interface EndedVisit {
  definition: NodeDefinition;
  modules: Attempt;
  failure?: Failure | undefined;
}

export interface MailboxMessage {
  mailbox: OutputMailbox;
  /** JSON. */
  message: unknown;
}

/** How the visit ended, for the agent. */
export function reportOf({ definition, modules, failure }: EndedVisit, status: "COMPLETE" | "FAILED" | "PARTIAL"): NodeReport {
  if (status !== "COMPLETE") return { node: definition.name, status, failure: failure ?? { error: "failed", code: "module-failed" } };
  const decided = decisionOf(modules);
  const added = listOf(modules.ended).flatMap((outcome) => outcome.added ?? []);
  return {
    node: definition.name,
    status,
    ...(typeof decided?.decision === "string" ? { decision: decided.decision, cleanup: decided.cleanup ?? false } : {}),
    ...(added.length === 0 ? {} : { added }),
  };
}

/** The results that go to mailboxes, once, when the visit has ended: those of the modules that ran, then the node's. */
export function messagesOf({ definition, modules, failure }: EndedVisit): MailboxMessage[] {
  const messages: MailboxMessage[] = [];
  if (definition.modules.some(({ outputMailbox }) => outputMailbox !== undefined)) {
    for (const { module, json } of listOf(modules.ended)) {
      const mailbox = definition.modules[module]?.outputMailbox;
      if (mailbox !== undefined && json !== undefined) messages.push({ mailbox, message: JSON.parse(json) });
    }
  }
  if (definition.outputMailbox !== undefined) {
    const message = nodeResultOf(modules, failure);
    messages.push({ mailbox: definition.outputMailbox, message });
  }
  return messages;
}
