/** Writes files and folders so that the disk holds them whole, or throws. */
import type { FileSystem, Host } from "./file-system.ts";

export interface FolderWriter {
  /** Makes a folder and its parents. */
  makeFolder(path: string): Promise<void>;
  /** Writes a file that is not there yet. */
  writeFile(path: string, content: Uint8Array): Promise<void>;
  /** Makes the disk hold the names in a folder. */
  syncFolder(path: string): Promise<void>;
}

/** From this size on a write is worth a hop to the thread pool. */
const BLOCKING_BYTES = 65_536;

export function folderWriter({ fs, path, syncsFolders }: Host, fsync: boolean): FolderWriter {
  const sync = (file: number): Promise<void> =>
    new Promise((resolve, reject) => fs.fsync(file, (error) => (error === null ? resolve() : reject(error))));

  const syncFolder = async (folder: string): Promise<void> => {
    if (!fsync || !syncsFolders) return;
    const file = fs.openSync(folder, "r");
    try {
      await sync(file);
    } finally {
      fs.closeSync(file);
    }
  };

  return {
    syncFolder,

    async makeFolder(folder) {
      const first = fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (first === undefined) return;
      for (let made = folder; made.length >= first.length; made = path.dirname(made)) await syncFolder(path.dirname(made));
    },

    async writeFile(name, content) {
      const file = fs.openSync(name, "wx", 0o600);
      try {
        await writeAll(fs, file, content);
        if (fsync) await sync(file);
      } finally {
        fs.closeSync(file);
      }
    },
  };
}

/** A full disk takes a part of the bytes without an error; only the next write says so. */
async function writeAll(fs: FileSystem, file: number, content: Uint8Array): Promise<void> {
  for (let at = 0; at < content.length; ) {
    const left = content.length - at;
    const written = left < BLOCKING_BYTES ? fs.writeSync(file, content, at) : await writeAsync(fs, file, content, at);
    if (written === 0) throw new Error(`only ${at} of ${content.length} bytes could be written`);
    at += written;
  }
}

function writeAsync(fs: FileSystem, file: number, content: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) =>
    fs.write(file, content, at, content.length - at, null, (error, written) => (error === null ? resolve(written) : reject(error))),
  );
}
