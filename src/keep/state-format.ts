/** The version of what a stored run is made of, whatever store it is in; it changes when an older reader would misread. */
import { SnapshotError } from "#contract/base/errors";

const STATE_FORMAT = 2;

/** @param note what is said of a generation beside its parts */
export const noteText = (note: object): string => JSON.stringify({ format: STATE_FORMAT, ...note });

/** @param text what `noteText` gave. @throws SnapshotError `snapshot-format` */
export function requireFormat(taskId: string, generation: number, text: string): void {
  const { format } = JSON.parse(text) as { format?: unknown };
  if (format === STATE_FORMAT) return;
  throw new SnapshotError(
    `Generation ${generation} of run "${taskId}": expected format ${STATE_FORMAT}, found ${format === undefined ? "none" : String(format)}. Use the version of asimov-agents that wrote it, or start the task anew under another id.`,
    { code: "snapshot-format" },
  );
}
