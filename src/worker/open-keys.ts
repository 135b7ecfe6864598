/** Looks at the keys of which something is to be looked at: a run of theirs has ended here, or their moment has come. */
import type { StoredRun } from "#contract/store/run-record";
import { type KeyHost, lookAtKey } from "#runs/key-gate";

/** @param ended by the id of a key's record, runs of the key that have ended here */
export async function openKeys(
  host: KeyHost,
  { due, ended }: { due: readonly StoredRun[]; ended: ReadonlyMap<string, readonly string[]> },
  refused: (error: Error, taskId: string) => void,
): Promise<void> {
  const look = async (gate: string): Promise<void> => {
    await lookAtKey(host, gate, ended.get(gate)).catch((error: Error) => refused(error, gate));
  };
  await Promise.all([...new Set([...ended.keys(), ...due.map(({ taskId }) => taskId)])].map(look));
}
