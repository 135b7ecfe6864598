/** The manifest of a stored snapshot, whose first line is the checksum of all that follows, so that no byte can change unseen. */
import * as z from "zod/mini";
import { SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { SNAPSHOT_FORMAT } from "#contract/store/snapshot";

export const MANIFEST = "manifest.json";

const schema = lazily(() =>
  z.object({
    format: z.literal(SNAPSHOT_FORMAT),
    taskId: z.string(),
    generation: z.int().check(z.gte(0)),
    nodes: z.array(z.string()),
    hint: z.optional(z.string()),
    createdAt: z.number(),
    files: z.array(
      z.object({
        name: z.enum(["agent.json", "cache.json", "task.json"]),
        bytes: z.int().check(z.gte(0)),
        sha256: z.string(),
        /** In the order of the file; lengths in UTF-16 units. */
        parts: z.array(z.tuple([z.string(), z.int().check(z.gte(0))])),
      }),
    ),
  }),
);

export type Manifest = z.infer<ReturnType<typeof schema>>;
export type ManifestFile = Manifest["files"][number];

const CHECKSUM = /^\{"sha256":"([0-9a-f]{64})",\n/;

export function damaged(path: string, what: string): SnapshotError {
  return new SnapshotError(
    `${path} is damaged: ${what}. Load an older generation, or the folder of the task for its newest whole snapshot.`,
    {
      code: "snapshot-damaged",
    },
  );
}

export function manifestText(manifest: Manifest, sha256: (text: string) => string): string {
  const body = `${JSON.stringify(manifest).slice(1)}\n`;
  return `{"sha256":"${sha256(body)}",\n${body}`;
}

/** @throws SnapshotError `snapshot-damaged` or `snapshot-format` */
export function parseManifest(path: string, bytes: Uint8Array, sha256: (bytes: Uint8Array) => string): Manifest {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `expected JSON, found ${bytes.length} bytes that are not (${(error as Error).message})`);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format !== SNAPSHOT_FORMAT) {
    throw new SnapshotError(
      `${path}: expected snapshot format ${SNAPSHOT_FORMAT}, found ${format}. Load it with the version of asimov-agents that wrote it.`,
      { code: "snapshot-format" },
    );
  }
  const [line, expected] = CHECKSUM.exec(text) ?? [];
  if (line === undefined) throw damaged(path, "expected its sha-256 in the first line, found none");
  const found = sha256(bytes.subarray(line.length));
  if (found !== expected) throw damaged(path, `expected sha-256 ${expected}, found ${found}`);
  const parsed = schema().safeParse(value);
  if (!parsed.success) throw damaged(path, parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
  return parsed.data;
}
