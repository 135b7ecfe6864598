/** What somebody outside wants of a run, stored before anybody is told: a message, or its end. */
import { shownMessageOf } from "#contract/base/error-details";
import { toJsonText } from "#contract/base/json";
import { requireName } from "#contract/base/names";
import { requireText } from "#contract/store/run-checks";
import { hasEnded, notFound } from "#contract/store/run-errors";
import type { RunStore } from "#contract/store/run-store";
import { encoded, sealMessage, sealUnnumberedEvent } from "#contract/store/seal";
import { overGone } from "#keep/owner";
import { requireRun } from "./read-run.ts";

/** @throws RunError `run-not-found`, `run-ended`; AsimovError `not-json`, `invalid-name` */
export async function sendMessage(
  store: RunStore,
  taskId: string,
  { id, mailbox, message }: { id: string; mailbox: string; message: unknown },
): Promise<void> {
  requireName(mailbox, "mailbox");
  const text = toJsonText(message, `message to mailbox "${mailbox}"`);
  const body = encoded(store.settings.codec, sealMessage(taskId, { id, mailbox }, text));
  const result = await store.post(taskId, { kind: "message", id, mailbox, body });
  if (result === "not-found") throw notFound(taskId);
  if (result === "ended") throw hasEnded(taskId, `A message to mailbox "${mailbox}"`);
}

/** Where nobody owns the run it ends in the same step, and tells what an owner would have told. @throws RunError `run-not-found`, `run-ended` */
export async function cancelRun(store: RunStore, taskId: string, reason: string | undefined): Promise<void> {
  if (reason !== undefined) requireText(reason, "cancel: the reason");
  const why = reason === undefined || reason === "" ? "The run was cancelled." : `The run was cancelled: ${shownMessageOf(reason)}`;
  const report = { taskId, status: "error", error: why, code: "cancelled" };
  const told = [
    { type: "error.reported", report, graph: [] },
    { type: "run.ended", status: "FAILED", code: "cancelled", graph: [] },
  ];
  const events = told.map((event, index) => encoded(store.settings.codec, sealUnnumberedEvent(taskId, index, JSON.stringify(event))));
  const over = overGone(await requireRun(store, taskId));
  const result = await store.post(taskId, { kind: "cancel", reason: why, ...over, end: { events } });
  if (result === "not-found") throw notFound(taskId);
  if (result === "ended") throw hasEnded(taskId, "A cancel");
}
