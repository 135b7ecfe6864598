/** The version of what a stored run is made of, whatever store it is in; it changes when an older reader would misread. */
import { SnapshotError } from "#contract/base/errors";
import type { GenerationNote } from "./run-keeper.ts";

const STATE_FORMAT = 2;

export const noteText = (note: GenerationNote): string => JSON.stringify({ format: STATE_FORMAT, ...note });

/** @param text what `noteText` gave. @throws SnapshotError `snapshot-format` */
export function requireFormat(taskId: string, generation: number, text: string): void {
  const { format } = JSON.parse(text) as { format?: unknown };
  if (format === STATE_FORMAT) return;
  throw new SnapshotError(
    `Generation ${generation} of run "${taskId}": expected format ${STATE_FORMAT}, found ${format === undefined ? "none" : String(format)}. Use the version of asimov-agents that wrote it, or start the task anew under another id.`,
    { code: "snapshot-format" },
  );
}
