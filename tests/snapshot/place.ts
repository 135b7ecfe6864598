/** A folder for one test file's stores, removed at its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Snapshot } from "#contract/store/snapshot";

export function newPlace(): () => string {
  const root = mkdtempSync(join(tmpdir(), "asimov-snapshots-"));
  let count = 0;
  afterAll(() => rmSync(root, { recursive: true }));
  return () => join(root, String(count++));
}

export function snapshotOf(
  taskId: string,
  parts: Record<string, string>,
  nodes: readonly string[] = ["plan"],
): Omit<Snapshot, "generation" | "format"> {
  return { taskId, nodes, createdAt: 1_700_000_000_000, parts: new Map(Object.entries(parts)) };
}
