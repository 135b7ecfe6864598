/** Reads stored snapshots, and gives out nothing whose every byte it has not checked. */
import { messageOf, SnapshotError } from "#contract/base/errors";
import type { Snapshot } from "#contract/store/snapshot";
import { splitParts } from "./file-layout.ts";
import { damaged, MANIFEST, type ManifestFile, parseManifest } from "./file-manifest.ts";
import { generationOf } from "./file-names.ts";
import type { Host } from "./file-system.ts";

export interface SnapshotReader {
  /** A snapshot's folder, or a task's: then its newest whole snapshot. */
  load(location: string): Promise<Snapshot>;
  /** Oldest first; none when there is no such folder. */
  snapshotsIn(taskFolder: string): Promise<{ generation: number; location: string }[]>;
}

/** The system's name of an error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

const ABSENT = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"]);

function notFound(location: string, what: string): SnapshotError {
  return new SnapshotError(
    `No snapshot at ${JSON.stringify(location)}: ${what}. Give the folder of a snapshot (GENERATION_NODES) or of its task.`,
    {
      code: "snapshot-not-found",
    },
  );
}

export function snapshotReader({ fs, crypto, path }: Host): SnapshotReader {
  const sha256 = (bytes: Uint8Array): string => crypto.hash("sha256", bytes, "hex");

  /** Undefined when it is not there. */
  const attempt = async <T>(what: string, read: Promise<T>): Promise<T | undefined> => {
    try {
      return await read;
    } catch (error) {
      if (ABSENT.has(errorCode(error) ?? "")) return undefined;
      throw new SnapshotError(`${what} could not be read: ${messageOf(error)}.`, {
        code: "snapshot-read-failed",
        retryable: true,
        cause: error,
      });
    }
  };
  const bytesOf = (file: string): Promise<Uint8Array | undefined> => attempt(file, fs.promises.readFile(file));
  const namesIn = (folder: string): Promise<string[] | undefined> => attempt(folder, fs.promises.readdir(folder));

  const readParts = async (folder: string, file: ManifestFile): Promise<Map<string, string>> => {
    const name = path.join(folder, file.name);
    const bytes = await bytesOf(name);
    if (bytes === undefined) throw damaged(name, `expected ${file.bytes} bytes, found no such file`);
    if (bytes.length !== file.bytes) throw damaged(name, `expected ${file.bytes} bytes, found ${bytes.length}`);
    const found = sha256(bytes);
    if (found !== file.sha256) throw damaged(name, `expected sha-256 ${file.sha256}, found ${found}`);
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    try {
      JSON.parse(text);
    } catch (error) {
      throw damaged(name, `expected JSON, found something else when it was saved (${(error as Error).message})`);
    }
    const parts = splitParts(file.name, text, file.parts);
    if (parts === undefined) throw damaged(name, "expected the parts that the manifest lists, found others");
    return parts;
  };

  /** Undefined when the folder holds no manifest. */
  const readSnapshot = async (folder: string): Promise<Snapshot | undefined> => {
    const name = path.join(folder, MANIFEST);
    const bytes = await bytesOf(name);
    if (bytes === undefined) return undefined;
    const { files, hint, ...manifest } = parseManifest(name, bytes, sha256);
    const parts = new Map<string, string>();
    for (const part of await Promise.all(files.map((file) => readParts(folder, file))))
      for (const [key, text] of part) parts.set(key, text);
    return { ...manifest, ...(hint === undefined ? {} : { hint }), parts };
  };

  const snapshotsAmong = (folder: string, names: readonly string[]) =>
    names
      .flatMap((name) => {
        const generation = generationOf(name);
        return generation === undefined ? [] : [{ generation, location: path.join(folder, name) }];
      })
      .sort((a, b) => a.generation - b.generation);

  const newestIn = async (folder: string, names: readonly string[]): Promise<Snapshot> => {
    const skipped: string[] = [];
    for (const { location } of snapshotsAmong(folder, names).reverse()) {
      try {
        const snapshot = await readSnapshot(location);
        if (snapshot !== undefined) return snapshot;
        skipped.push(`${location} holds no ${MANIFEST}`);
      } catch (error) {
        if (!(error instanceof SnapshotError) || error.code !== "snapshot-damaged") throw error;
        skipped.push(error.message);
      }
      // What a saver's `keep` removed while it was read was not damaged: then there is a newer one.
      if (!(await namesIn(folder))?.includes(path.basename(location))) return await load(folder);
    }
    throw new SnapshotError(`None of the ${skipped.length} snapshots in ${folder} is whole:\n- ${skipped.join("\n- ")}`, {
      code: "snapshot-damaged",
    });
  };

  const load = async (location: string): Promise<Snapshot> => {
    const folder = path.resolve(location);
    const snapshot = await readSnapshot(folder);
    if (snapshot !== undefined) return snapshot;
    const names = await namesIn(folder);
    if (names === undefined) throw notFound(location, "there is no such folder");
    if (snapshotsAmong(folder, names).length > 0) return await newestIn(folder, names);
    if (generationOf(path.basename(folder)) !== undefined)
      throw damaged(path.join(folder, MANIFEST), "expected a manifest, found no such file");
    throw notFound(location, `the folder holds neither ${MANIFEST} nor snapshots`);
  };

  return {
    load,
    async snapshotsIn(taskFolder) {
      return snapshotsAmong(taskFolder, (await namesIn(taskFolder)) ?? []);
    },
  };
}
