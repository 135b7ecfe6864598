/** Writes so that the disk holds it whole, or throws. */
import { systemServices } from "#contract/base/services";
import type { Host } from "./host.ts";
import { TEMPORARY } from "./names.ts";

const encoder = new TextEncoder();

export class Disk {
  readonly host: Host;
  readonly #fsync: boolean;

  constructor(host: Host, fsync: boolean) {
    this.host = host;
    this.#fsync = fsync;
  }

  /** A name that nobody else makes. */
  temporary(folder: string): string {
    return this.host.path.join(folder, `${TEMPORARY}${systemServices.ids()}`);
  }

  async makeFolder(folder: string): Promise<void> {
    const { fs, path } = this.host;
    const first = fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = path.dirname(made)) await this.syncFolder(path.dirname(made));
  }

  /** Writes a file that is not there yet. */
  async writeFile(name: string, text: string): Promise<void> {
    const { fs } = this.host;
    const content = encoder.encode(text);
    const file = fs.openSync(name, "wx", 0o600);
    try {
      // A full disk takes a part of the bytes without an error; only the next write says so.
      for (let at = 0; at < content.length; ) {
        const written = fs.writeSync(file, content, at);
        if (written === 0) throw new Error(`only ${at} of ${content.length} bytes could be written`);
        at += written;
      }
      await this.#sync(file);
    } finally {
      fs.closeSync(file);
    }
  }

  /** Makes a file appear whole. Whether it is this one: false where there was one of that name. */
  async publish(name: string, text: string): Promise<boolean> {
    const { fs, path } = this.host;
    const folder = path.dirname(name);
    const temporary = this.temporary(folder);
    try {
      await this.writeFile(temporary, text);
      fs.linkSync(temporary, name);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
      return false;
    } finally {
      this.forget(temporary);
    }
    await this.syncFolder(folder);
    return true;
  }

  /** Makes a file whole, in the place of whatever was there. */
  async replace(name: string, text: string): Promise<void> {
    const { fs, path } = this.host;
    const folder = path.dirname(name);
    const temporary = this.temporary(folder);
    try {
      await this.writeFile(temporary, text);
      fs.renameSync(temporary, name);
    } catch (error) {
      this.forget(temporary);
      throw error;
    }
    await this.syncFolder(folder);
  }

  /** Makes the disk hold the names in a folder. */
  async syncFolder(folder: string): Promise<void> {
    const { fs, syncsFolders } = this.host;
    if (!this.#fsync || !syncsFolders) return;
    const file = fs.openSync(folder, "r");
    try {
      await this.#sync(file);
    } finally {
      fs.closeSync(file);
    }
  }

  /** Removes a file; one that cannot be removed is in nobody's way. */
  forget(file: string): void {
    try {
      this.host.fs.unlinkSync(file);
    } catch {}
  }

  async forgetFolder(folder: string): Promise<void> {
    await this.host.fs.promises.rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }

  async #sync(file: number): Promise<void> {
    if (!this.#fsync) return;
    await new Promise<void>((resolve, reject) => this.host.fs.fsync(file, (error) => (error === null ? resolve() : reject(error))));
  }
}

/** Waits for all before it throws the first error, so that nothing still writes into what is being removed. */
export async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === "rejected") throw outcome.reason;
}
