/** A folder for one test file's stores, removed at its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export function newPlace(): () => string {
  const root = mkdtempSync(join(tmpdir(), "asimov-runs-"));
  let count = 0;
  // Of stores that hold hundreds of runs, on a busy disk.
  afterAll(() => rmSync(root, { recursive: true }), 60_000);
  return () => join(root, String(count++));
}
