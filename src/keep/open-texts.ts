/** A generation's parts as texts, when each of them is as it was stored. */
import { threadTurns } from "#contract/base/turns";
import type { StoredGeneration } from "#contract/store/run-commit";
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
  isAsked: (name: string) => boolean = () => true,
): Promise<{ texts: Map<string, string>; sum: PartsSum }> {
  const sum = new PartsSum(taskId);
  let seen = 0;
  for (const [name, sealed] of stored.parts) {
    sum.put(name, sealed);
    if (++seen % READ_AT_ONCE === 0) await threadTurns.pause();
  }
  requireFormat(taskId, stored.generation, openGeneration(taskId, stored, sum));
  const texts = new Map<string, string>();
  for (const [name, sealed] of stored.parts) if (isAsked(name)) texts.set(name, decoded(codec, sealed, `Part "${name}"`));
  return { texts, sum };
}
