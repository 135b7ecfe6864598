/** What somebody outside wants of a run, stored before anybody is told: a message, or its end. */
import { shownMessageOf } from "#contract/base/error-details";
import { RunError, SnapshotError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { requireName } from "#contract/base/names";
import { type ChildEnding, endingMessage } from "#contract/run/child-end";
import { requireText } from "#contract/store/run-checks";
import { hasEnded, notFound } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, sealMessage, sealUnnumberedEvent } from "#contract/store/seal";
import { readNewestWhole } from "#keep/newest-whole";
import { openTexts } from "#keep/open-texts";
import { overGone } from "#keep/owner";
import { dependentRuns, isReplayPart } from "#replay/replay-log";
import { requireDeclared, storedMailboxes } from "./mailboxes.ts";
import { readInfo, requireRun } from "./read-run.ts";

/** @throws RunError `run-not-found`, `run-ended`; AsimovError `not-json`, `invalid-name`, `unknown-mailbox` */
export async function sendMessage(
  store: RunStore,
  taskId: string,
  { id, mailbox, message }: { id: string; mailbox: string; message: unknown },
): Promise<void> {
  requireName(mailbox, "mailbox");
  const text = toJsonText(message, `message to mailbox "${mailbox}"`);
  const run = await requireRun(store, taskId);
  if (run.status === "open") requireDeclared(mailbox, await storedMailboxes(store, run));
  const body = encoded(store.settings.codec, sealMessage(taskId, { id, mailbox }, text));
  const result = await store.post(taskId, { kind: "message", id, mailbox, body });
  if (result === "not-found") throw notFound(taskId);
  if (result === "ended") throw hasEnded(taskId, `A message to mailbox "${mailbox}"`);
}

/** Where nobody owns the run it ends in the same step, and tells what an owner would have told. @throws RunError `run-not-found`, `run-ended` */
export async function cancelRun(store: RunStore, taskId: string, reason: string | undefined): Promise<void> {
  if (reason !== undefined) requireText(reason, "cancel: the reason");
  const why = reason === undefined || reason === "" ? "The run was cancelled." : `The run was cancelled: ${shownMessageOf(reason)}`;
  await endRun(store, taskId, why, "cancelled");
}

/** Of a run that has not begun, and that another one stands for by now; nothing where it has ended, or is gone. */
export async function replaceRun(store: RunStore, taskId: string, by: string): Promise<void> {
  const why = `Run ${by} of the same key stands for this one, which had not begun.`;
  await endRun(store, taskId, why, "run-replaced").catch((error: unknown) => {
    if (!(error instanceof RunError) || !["run-ended", "run-not-found"].includes(error.code)) throw error;
  });
}

async function endRun(store: RunStore, taskId: string, why: string, code: string): Promise<void> {
  const report = { taskId, status: "error", error: why, code };
  const told = [
    { type: "error.reported", report, graph: [] },
    { type: "run.ended", status: "FAILED", code: "cancelled", graph: [] },
  ];
  const events = told.map((event, index) => encoded(store.settings.codec, sealUnnumberedEvent(taskId, index, JSON.stringify(event))));
  const run = await requireRun(store, taskId);
  const result = await store.post(taskId, { kind: "cancel", reason: why, ...overGone(run), end: { events } });
  if (result === "not-found") throw notFound(taskId);
  // Also where it was cancelled before: whoever did may have come no further.
  await endRelated(store, taskId);
  if (result === "ended") throw hasEnded(taskId, "A cancel");
}

/**
 * Of a run that was cancelled while nobody owned it, and so without its code: the runs that it waited for end, too, and its parent hears of it.
 * Nothing where that is so already.
 */
export async function endRelated(store: RunStore, taskId: string): Promise<void> {
  const run = await store.read(taskId);
  if (run?.status !== "CANCELLED") return;
  for (const child of await childrenOf(store, run)) {
    await cancelRun(store, child, `run ${taskId}, which waited for it, was cancelled`).catch(unless(RunError));
  }
  const info = await Promise.resolve(run)
    .then((row) => readInfo(store, row))
    .catch(unless(SnapshotError));
  if (info?.parent !== undefined) await tellEnding(store, info.parent, { taskId, token: run.token }, `${run.token}-${run.lastSeq}`);
}

/** Of a run that cannot be read nobody knows any. */
async function childrenOf(store: RunStore, run: StoredRun): Promise<readonly string[]> {
  const read = readNewestWhole(store, run, async (stored) => {
    const { texts } = await openTexts(store, run.taskId, stored, isReplayPart);
    return dependentRuns(texts);
  });
  return (await read.catch(unless(SnapshotError)))?.found ?? [];
}

const unless =
  (expected: typeof RunError | typeof SnapshotError) =>
  (error: unknown): undefined => {
    if (!(error instanceof expected)) throw error;
  };

/** @param end see `endingMessage` */
export async function tellEnding(store: RunStore, parent: string, ending: ChildEnding, end: string): Promise<void> {
  const message = endingMessage(ending.taskId, end);
  const body = encoded(store.settings.codec, sealMessage(parent, message, JSON.stringify(ending)));
  // Of a parent that has ended, or is elsewhere, nobody is there to hear it.
  await store.post(parent, { kind: "message", ...message, body });
}
