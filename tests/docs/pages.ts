/** README.md and the pages of docs/, with the blocks of code that they hold. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../support/program.ts";

export interface Page {
  /** From the root of the repository, such as `docs/runs.md`. */
  readonly name: string;
  readonly text: string;
}

export async function readPages(): Promise<Page[]> {
  const docs = (await readdir(join(ROOT, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
  return Promise.all(["README.md", ...docs].map(async (name) => ({ name, text: await readFile(join(ROOT, name), "utf8") })));
}

export interface Block {
  /** Unlike that of any other block, and fit for a file. */
  readonly name: string;
  readonly code: string;
}

export function blocksOf(pages: readonly Page[], language: string): Block[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return pages.flatMap(({ name, text }) =>
    [...text.matchAll(fence)].map(([, code = ""], index) => ({ name: `${name.replace(/\W/g, "-")}-${index + 1}`, code })),
  );
}

/** A page without its blocks of code and its code within lines: what is left is prose, with its headings and links. */
export const proseOf = ({ text }: Page): string =>
  text.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length));
