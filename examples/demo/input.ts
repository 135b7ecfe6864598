/** Where the demo's text comes from: a file, standard input, or this project's README. */
import { fstatSync, type Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DemoError } from "./options.ts";
import { sectionsOf } from "./text.ts";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const MOST_BYTES = 4_000_000;
/** Some programs leave an open pipe to each program that they start, and write nothing. */
const FIRST_BYTE_MS = 2_000;

export interface DemoText {
  name: string;
  text: string;
}

/** @param say tells of what was not to be expected. @throws DemoError */
export async function readText(path: string | undefined, say: (line: string) => void): Promise<DemoText> {
  if (path === "-") return check("standard input", await readAll(undefined));
  if (path !== undefined) {
    // npm runs a script in the project's folder; a path is meant from where npm was called.
    const file = resolve(process.env.INIT_CWD ?? process.cwd(), path);
    return check(path, await readWhole(file, path));
  }
  const kind = standardInput();
  if (kind !== undefined) {
    const bytes = await readAll(FIRST_BYTE_MS);
    // A socket is what Node gives to its children, asked or not; a shell gives a pipe or a file.
    if (bytes !== undefined && !(kind.isSocket() && bytes.length === 0)) return check("standard input", bytes);
    if (bytes === undefined) say("Nothing comes on standard input; reading README.md instead. To wait: npm run demo -- -");
  }
  return check("README.md", await readWhole(README, "README.md"));
}

/** Undefined for a terminal, `/dev/null`, and where there is none. */
function standardInput(): Stats | undefined {
  try {
    const stats = fstatSync(0);
    return stats.isFIFO() || stats.isFile() || stats.isSocket() ? stats : undefined;
  } catch {
    return undefined;
  }
}

async function readWhole(file: string, shown: string): Promise<Buffer> {
  try {
    const stats = await stat(file);
    if (stats.isDirectory()) throw new DemoError(`${shown} is a folder; give a text file.`);
    if (stats.size > MOST_BYTES) throw tooLong(shown);
    return await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof DemoError) throw error;
    if (code === "ENOENT" || code === "ENOTDIR") throw new DemoError(`There is no file ${shown}.`);
    throw new DemoError(`${shown} cannot be read: ${code === "EACCES" ? "permission denied" : message}.`);
  }
}

/** All of standard input, or undefined when nothing came in time. */
function readAll(firstByteMs: undefined): Promise<Buffer>;
function readAll(firstByteMs: number): Promise<Buffer | undefined>;
function readAll(firstByteMs: number | undefined): Promise<Buffer | undefined> {
  const { stdin } = process;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      stdin.destroy();
      settle();
    };
    const timer = firstByteMs === undefined ? undefined : setTimeout(() => end(() => resolve(undefined)), firstByteMs);
    stdin.on("data", (chunk: Buffer) => {
      clearTimeout(timer);
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_BYTES) end(() => reject(tooLong("Standard input")));
    });
    stdin.once("end", () => end(() => resolve(Buffer.concat(chunks))));
    stdin.once("error", (error) => end(() => reject(new DemoError(`Standard input cannot be read: ${error.message}.`))));
  });
}

const tooLong = (what: string): DemoError =>
  new DemoError(`${what} is longer than ${MOST_BYTES / 1_000_000} MB, which is more than the demo takes.`);

function check(name: string, bytes: Buffer): DemoText {
  if (bytes.includes(0)) throw new DemoError(`${name} is not a text: it holds a zero byte.`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DemoError(`${name} is not a text in UTF-8.`);
  }
  if (text.trim() === "") throw new DemoError(`${name} is empty: there is nothing to sum up.`);
  if (sectionsOf(text).length === 0) throw new DemoError(`${name} holds no prose: there is nothing to sum up.`);
  return { name, text };
}
