/** A generation's parts as texts, when each of them is as it was stored. */
import { threadTurns } from "#contract/base/turns";
import type { StoredGeneration } from "#contract/store/run-commit";
import type { Sealed } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openGeneration, PartsSum } from "#contract/store/seal";
import { requireFormat } from "./state-format.ts";

/** Parts that are looked at before others have their turn. */
export const READ_AT_ONCE = 256;

/**
 * @param isAsked whether the text of that part is wanted; all are verified
 * @returns the sum over all parts, too, for whoever goes on with it
 * @throws SnapshotError `snapshot-damaged`, `snapshot-codec`, `snapshot-format`
 */
export async function openTexts(
  { settings: { codec } }: RunStore,
  taskId: string,
  stored: StoredGeneration,
  isAsked?: (name: string) => boolean,
): Promise<{ texts: ReadonlyMap<string, string>; sum: PartsSum }> {
  const { parts } = stored;
  const sum = new PartsSum(taskId);
  let seen = 0;
  for (const [name, sealed] of parts) {
    sum.put(name, sealed);
    if (++seen % READ_AT_ONCE === 0) await threadTurns.pause();
  }
  requireFormat(taskId, stored.generation, openGeneration(taskId, stored, sum));
  if (isAsked === undefined && areTexts(parts)) return { texts: parts, sum };
  const texts = new Map<string, string>();
  for (const [name, sealed] of parts) if (isAsked?.(name) !== false) texts.set(name, decoded(codec, sealed, `Part "${name}"`));
  return { texts, sum };
}

function areTexts(parts: ReadonlyMap<string, Sealed>): parts is ReadonlyMap<string, string> {
  for (const sealed of parts.values()) if (typeof sealed !== "string") return false;
  return true;
}
