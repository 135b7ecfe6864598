/** Lines of text that processes of this machine write for each other: a file for each ten seconds, of which no more than two are left. */
import { systemClock } from "#contract/base/services";

/** The part of `node:fs` that is used. */
export interface TalkSystem {
  mkdirSync(path: string, options: { mode: number }): unknown;
  appendFileSync(path: string, text: string, options: { mode: number }): void;
  statSync(path: string, options: { throwIfNoEntry: false }): { size: number } | undefined;
  openSync(path: string, flags: string): number;
  readSync(file: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  closeSync(file: number): void;
  readdirSync(path: string): string[];
  unlinkSync(path: string): void;
}

const FILE_MS = 10_000;
/** Of a file; what comes then is not written. */
const MOST_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;

export class TalkFiles {
  readonly #fs: TalkSystem;
  readonly #folder: string;
  #written: number | undefined;
  /** By the number of the file, how much of it was read. */
  readonly #read = new Map<number, number>();

  /** @param folder made where it is not there, in a folder that is */
  constructor(fs: TalkSystem, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** @throws of the file system */
  append(line: string): void {
    const now = fileNow();
    if (this.#written !== now) this.#begin(now);
    this.#written = now;
    if (this.#sizeOf(now) < MOST_BYTES) this.#fs.appendFileSync(this.#path(now), `${line}\n`, { mode: 0o600 });
  }

  /** What is written from here on is read. */
  skip(): void {
    const now = fileNow();
    this.#removeOld(now);
    this.#read.clear();
    for (const file of [now - 1, now]) this.#read.set(file, this.#sizeOf(file));
  }

  /** Lines that were written since, also into the file before: somebody may have been about to. */
  *next(): Generator<string> {
    const now = fileNow();
    for (const file of this.#read.keys()) if (file < now - 1) this.#read.delete(file);
    for (const file of [now - 1, now]) yield* this.#linesOf(file);
  }

  *#linesOf(file: number): Generator<string> {
    const from = this.#read.get(file) ?? 0;
    const bytes = this.#bytesOf(file, from);
    const end = bytes.lastIndexOf(NEWLINE);
    if (end === -1) return;
    this.#read.set(file, from + end + 1);
    yield* new TextDecoder().decode(bytes.subarray(0, end)).split("\n");
  }

  #bytesOf(file: number, from: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, this.#sizeOf(file) - from));
    if (bytes.length === 0) return bytes;
    const opened = this.#fs.openSync(this.#path(file), "r");
    try {
      return bytes.subarray(0, this.#fs.readSync(opened, bytes, 0, bytes.length, from));
    } finally {
      this.#fs.closeSync(opened);
    }
  }

  #begin(now: number): void {
    try {
      this.#fs.mkdirSync(this.#folder, { mode: 0o700 });
    } catch {
      // It is there, or what is written next says why not.
    }
    this.#removeOld(now);
  }

  /** Whoever wrote it: a process that is lost removes nothing. */
  #removeOld(now: number): void {
    try {
      for (const name of this.#fs.readdirSync(this.#folder)) if (Math.abs(Number(name) - now) > 1) this.#fs.unlinkSync(this.#path(name));
    } catch {
      // It is not there, or somebody else does so.
    }
  }

  #sizeOf(file: number): number {
    return this.#fs.statSync(this.#path(file), { throwIfNoEntry: false })?.size ?? 0;
  }

  #path(file: number | string): string {
    return `${this.#folder}/${file}`;
  }
}

const fileNow = (): number => Math.floor(systemClock.now() / FILE_MS);
