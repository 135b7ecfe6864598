/** A process that saves to a file store, for tests that kill it, starve it or run two of it. */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { FileSnapshotStore } from "#snapshot/file";

const [mode, directory, label, count] = process.argv.slice(2) as [string, string, string, string];
const store = new FileSnapshotStore({ directory });
const snapshot = (index: number, size: number) => ({
  taskId: "shared",
  nodes: [`${label}-${index}`],
  createdAt: 0,
  parts: new Map([
    ["agent", JSON.stringify({ label, index })],
    ["value/big", JSON.stringify("x".repeat(size))],
  ]),
});

if (mode === "loop") {
  for (let index = 0; index < Number(count); index++) console.log((await store.save(snapshot(index, 150_000))).generation);
} else {
  const first = await store.save(snapshot(0, 10));
  const { code, retryable, message } = (await store.save(snapshot(1, 3_000_000)).catch((error: unknown) => error)) as Record<
    string,
    unknown
  >;
  const parts = (await store.load(first)).parts.size;
  const entries = await readdir(dirname(first.location));
  const next = (await store.save(snapshot(2, 10))).generation;
  console.log(JSON.stringify({ code, retryable, message, parts, entries, next }));
}
