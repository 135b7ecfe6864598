/** Keeps each snapshot as a folder of JSON files that appears whole, by one rename, or not at all. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { SNAPSHOT_FORMAT, type Snapshot, type SnapshotRef, type SnapshotStore } from "#contract/store/snapshot";
import { groupParts, joinParts } from "./file-layout.ts";
import { MANIFEST, type Manifest, type ManifestFile, manifestText } from "./file-manifest.ts";
import { generationOf, snapshotFolderName, TEMPORARY, taskFolderName } from "./file-names.ts";
import { errorCode, type SnapshotReader, snapshotReader } from "./file-read.ts";
import { type Host, openHost } from "./file-system.ts";
import { type FolderWriter, folderWriter } from "./file-write.ts";
import { locationOf, requireSame } from "./location.ts";

export interface FileSnapshotStoreOptions {
  /** The folder of all tasks; made when it is not there. Default `$ASIMOV_SNAPSHOT`, else `asimov_snapshot` in the system's temporary folder. */
  directory?: string;
  /** How many of the newest generations are kept for each task, at least 1; each save removes older ones. Default: all. */
  keep?: number;
  /** Whether a save waits until the disk holds it, so that it outlives a loss of power. Default true. */
  fsync?: boolean;
}

const schema = lazily(() =>
  z.strictObject({
    directory: z.optional(nonEmpty),
    keep: z.optional(z.int().check(z.gte(1))),
    fsync: z.optional(z.boolean()),
  }),
);

/** Temporary folders of savers that died are removed when they are this old. */
const ABANDONED_MS = 3_600_000;
/** Tasks whose newest generation is remembered; for another one the folder is read again. */
const REMEMBERED_TASKS = 1_000;

interface TaskFolder {
  path: string;
  /** The newest generation that this store knows of; undefined before it has looked. */
  newest: number | undefined;
  /** Settles, without an error, when the last save that was asked for has ended. */
  turn: Promise<unknown>;
}

interface Encoded extends ManifestFile {
  content: Uint8Array;
}

interface Place {
  host: Host;
  directory: string;
  writer: FolderWriter;
  reader: SnapshotReader;
}

/**
 * A snapshot store in the file system: `DIRECTORY/TASK_ID/GENERATION_NODES/` with `agent.json`, `cache.json`, `task.json` and
 * `manifest.json`. Any number of stores and processes may save the same task: each save gets a generation of its own, and nothing
 * is overwritten. A generation is passed over when its saver died. Folders have mode 0700, files 0600.
 *
 * `load` takes a reference, the folder of a snapshot, or the folder of a task: there the newest snapshot is loaded, passing over
 * damaged ones, but not over one of another format, whose work would be done twice. `list` goes by the folders alone; what was
 * damaged after its save is found by `load`. Without a file system the first use throws `snapshot-no-file-system`.
 *
 * @example
 * const store = new FileSnapshotStore({ directory: "/var/lib/agent", keep: 20 });
 * const agent = new Agent({ nodes, snapshotStore: store });
 * await agent.runFromSnapshot(`/var/lib/agent/${task.id}`);
 */
export class FileSnapshotStore implements SnapshotStore {
  readonly #options: z.infer<ReturnType<typeof schema>>;
  readonly #tasks = new Map<string, TaskFolder>();
  #place: Place | undefined;

  constructor(options: FileSnapshotStoreOptions = {}) {
    this.#options = parseOptions(schema(), options, "FileSnapshotStore");
  }

  async save(snapshot: Omit<Snapshot, "generation" | "format">): Promise<SnapshotRef> {
    const { taskId, nodes, hint, createdAt } = snapshot;
    const place = this.#open();
    // Everything is taken before the first await, so that the caller may go on changing what it gave.
    const files = encode(snapshot.parts, place.host);
    const header: Omit<Manifest, "generation" | "files"> = {
      format: SNAPSHOT_FORMAT,
      taskId,
      nodes: [...nodes],
      ...(hint === undefined ? {} : { hint }),
      createdAt,
    };
    const manifest = (generation: number): string =>
      manifestText({ ...header, generation, files: files.map(({ content: _, ...file }) => file) }, (text) =>
        place.host.crypto.hash("sha256", text, "hex"),
      );

    const task = this.#task(place, taskId);
    const saved = task.turn.then(() => this.#write(place, task, header.nodes, files, manifest));
    task.turn = saved.catch(() => undefined);
    try {
      return { taskId, ...(await saved) };
    } catch (error) {
      throw new SnapshotError(
        `The snapshot of task "${taskId}" could not be written to ${task.path}: ${messageOf(error)}. ` +
          "Earlier snapshots are as they were. Make room or access there, or give FileSnapshotStore another `directory`.",
        { code: "snapshot-write-failed", retryable: true, cause: error },
      );
    }
  }

  async load(ref: SnapshotRef | string): Promise<Snapshot> {
    const location = locationOf(ref);
    const { reader } = this.#open();
    const snapshot = await reader.load(location);
    requireSame(ref, snapshot);
    return snapshot;
  }

  async list(taskId: string): Promise<SnapshotRef[]> {
    const place = this.#open();
    const folders = await place.reader.snapshotsIn(this.#folderOf(place, taskId));
    return folders.map(({ generation, location }) => ({ taskId, generation, location }));
  }

  async #write(place: Place, task: TaskFolder, nodes: readonly string[], files: Encoded[], manifest: (generation: number) => string) {
    const { host, writer } = place;
    const { join } = host.path;
    for (;;) {
      const { generation, path: temporary } = await this.#claim(place, task);
      try {
        const entries = host.fs.promises.readdir(task.path);
        await allOf([
          entries,
          ...files.map((file) => writer.writeFile(join(temporary, file.name), file.content)),
          writer.writeFile(join(temporary, MANIFEST), new TextEncoder().encode(manifest(generation))),
        ]);
        const newest = newestOf(await entries);
        if (newest >= generation) {
          task.newest = newest;
          await remove(host, temporary);
          continue;
        }
        await writer.syncFolder(temporary);
        const location = join(task.path, snapshotFolderName(generation, nodes));
        host.fs.renameSync(temporary, location);
        task.newest = generation;
        await writer.syncFolder(task.path);
        await this.#tidy(host, task.path, await entries, generation);
        return { generation, location };
      } catch (error) {
        await remove(host, temporary);
        throw error;
      }
    }
  }

  /**
   * The temporary folder bears the generation alone, so that making it is the claim: no other saver can make it again. A saver with
   * an old view of the folder can still claim a generation that was stored meanwhile; it sees that when it reads the folder after.
   */
  async #claim({ host, writer }: Place, task: TaskFolder): Promise<{ generation: number; path: string }> {
    if (task.newest === undefined) {
      await writer.makeFolder(task.path);
      task.newest = newestOf(await host.fs.promises.readdir(task.path));
    }
    for (let generation = task.newest + 1; ; ) {
      const path = host.path.join(task.path, TEMPORARY + generation);
      try {
        host.fs.mkdirSync(path, { mode: 0o700 });
        return { generation, path };
      } catch (error) {
        if (errorCode(error) === "EEXIST") generation++;
        else if (errorCode(error) === "ENOENT") await writer.makeFolder(task.path);
        else throw error;
      }
    }
  }

  /** Removes what `keep` does not keep and what dead savers left. A failure here is the next save's to mend: this one has succeeded. */
  async #tidy(host: Host, folder: string, entries: readonly string[], saved: number): Promise<void> {
    for (const { entry, generation } of this.#options.keep === undefined ? [] : olderThan(saved, entries).slice(this.#options.keep - 1)) {
      const path = host.path.join(folder, `${TEMPORARY}old-${generation}`);
      try {
        host.fs.renameSync(host.path.join(folder, entry), path);
      } catch {
        continue;
      }
      await remove(host, path);
    }
    for (const entry of entries) {
      if (!entry.startsWith(TEMPORARY) || entry === TEMPORARY + saved) continue;
      const path = host.path.join(folder, entry);
      const changed = await host.fs.promises.stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - changed > ABANDONED_MS) await remove(host, path);
    }
  }

  #open(): Place {
    if (this.#place === undefined) {
      const host = openHost();
      const directory = host.path.resolve(
        this.#options.directory ?? (host.env.ASIMOV_SNAPSHOT || host.path.join(host.os.tmpdir(), "asimov_snapshot")),
      );
      this.#place = { host, directory, writer: folderWriter(host, this.#options.fsync ?? true), reader: snapshotReader(host) };
    }
    return this.#place;
  }

  #folderOf({ host, directory }: Place, taskId: string): string {
    return host.path.join(
      directory,
      taskFolderName(taskId, (text) => host.crypto.hash("sha256", text, "hex")),
    );
  }

  #task(place: Place, taskId: string): TaskFolder {
    const known = this.#tasks.get(taskId);
    if (known !== undefined) return known;
    const task: TaskFolder = { path: this.#folderOf(place, taskId), newest: undefined, turn: Promise.resolve() };
    this.#tasks.set(taskId, task);
    const [oldest] = this.#tasks.keys();
    if (this.#tasks.size > REMEMBERED_TASKS && oldest !== undefined) this.#tasks.delete(oldest);
    return task;
  }
}

brand(FileSnapshotStore, "FileSnapshotStore");

function encode(parts: ReadonlyMap<string, string>, { crypto }: Host): Encoded[] {
  return [...groupParts(parts)].map(([name, group]) => {
    const text = joinParts(name, group);
    if (!text.isWellFormed()) {
      throw new SnapshotError(
        `A part for ${name} holds half of a surrogate pair, which no file can; write it as an escape (\\ud83d), as JSON.stringify does.`,
        {
          code: "snapshot-not-unicode",
        },
      );
    }
    const content = new TextEncoder().encode(text);
    return {
      name,
      bytes: content.length,
      sha256: crypto.hash("sha256", content, "hex"),
      parts: [...group].map(([part, { length }]) => [part, length]),
      content,
    };
  });
}

/** Newest first. */
function olderThan(saved: number, entries: readonly string[]): { entry: string; generation: number }[] {
  return entries
    .map((entry) => ({ entry, generation: generationOf(entry) ?? saved }))
    .filter(({ generation }) => generation < saved)
    .sort((a, b) => b.generation - a.generation);
}

function newestOf(entries: readonly string[]): number {
  return entries.reduce((newest, entry) => Math.max(newest, generationOf(entry) ?? -1), -1);
}

async function remove(host: Host, path: string): Promise<void> {
  await host.fs.promises.rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** Waits for all before it throws the first error, so that nothing still writes into a folder that is being removed. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === "rejected") throw outcome.reason;
}
