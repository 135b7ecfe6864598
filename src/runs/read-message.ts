/** A message that a run was sent, verified by its seal. */
import type { StoredMessage } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openMessage } from "#contract/store/seal";

/** @throws SnapshotError `snapshot-damaged`, `snapshot-codec` */
export function readMessage(store: RunStore, taskId: string, { id, mailbox, body }: StoredMessage): unknown {
  const text = decoded(store.settings.codec, body, `Message "${id}"`);
  return JSON.parse(openMessage(taskId, { id, mailbox, body: text }));
}
