/** What lies on the disk, and what was written to it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Of all files in a folder. */
export const bytesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );

/** What this process has written so far, whatever became of it; undefined where the system does not count that. */
export function bytesWritten(): number | undefined {
  try {
    return Number(/^wchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}
