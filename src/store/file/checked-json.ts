/** JSON files whose first line is the checksum of all that follows, so that no byte can change unseen. */
import { AsimovError, messageOf, SnapshotError } from "#contract/base/errors";
import type { Sealed } from "#contract/store/run-record";
import type { Host } from "./host.ts";

/** The version of everything in the store's folders; it changes when an older reader would misread. */
const FORMAT = 2;

const CHECKSUM = /^\{"sha256":"([0-9a-f]{64})",\n/;

/** Bytes among the texts of a JSON file. */
export type SealedJson = string | { base64: string };

export function damaged(path: string, what: string): SnapshotError {
  return new SnapshotError(`${path} is damaged: ${what}.`, { code: "snapshot-damaged" });
}

export const sealedJson = ({ buffer }: Host, sealed: Sealed): SealedJson =>
  typeof sealed === "string" ? sealed : { base64: buffer.Buffer.from(sealed).toString("base64") };

export const sealedOf = ({ buffer }: Host, json: SealedJson): Sealed =>
  typeof json === "string" ? json : Uint8Array.from(buffer.Buffer.from(json.base64, "base64"));

export function checkedText({ crypto, buffer }: Host, value: object): string {
  const replaceBytes = (_: string, inner: unknown): unknown =>
    inner instanceof Uint8Array ? { base64: buffer.Buffer.from(inner).toString("base64") } : inner;
  const body = `${JSON.stringify({ format: FORMAT, ...value }, replaceBytes, 1).slice(1)}\n`;
  return `{"sha256":"${crypto.hash("sha256", body, "hex")}",${body}`;
}

/**
 * What a file is read as; a whole file of another kind, in its place, is none.
 *
 * @throws SnapshotError `snapshot-damaged` or `snapshot-format`
 */
export function readChecked<Value, T>(host: Host, path: string, bytes: Uint8Array, read: (value: Value) => T): T {
  const value = parseChecked(host, path, bytes) as Value;
  try {
    return read(value);
  } catch (error) {
    throw error instanceof AsimovError ? error : damaged(path, `expected a file of another kind (${messageOf(error)})`);
  }
}

function parseChecked(host: Host, path: string, bytes: Uint8Array): unknown {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `expected JSON, found ${bytes.length} bytes that are not (${(error as Error).message})`);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format !== FORMAT) {
    throw new SnapshotError(
      `${path}: expected format ${FORMAT}, found ${format}. Use the version of asimov-agents that wrote it, or move the folder of its task away.`,
      { code: "snapshot-format" },
    );
  }
  const [line, expected] = CHECKSUM.exec(text) ?? [];
  if (line === undefined) throw damaged(path, "expected its sha-256 in the first line, found none");
  const found = host.crypto.hash("sha256", bytes.subarray(line.length - 1), "hex");
  if (found !== expected) throw damaged(path, `expected sha-256 ${expected}, found ${found}`);
  return value;
}
