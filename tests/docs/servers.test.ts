/** The table of docs/servers.md is the data that clients go by, and its list of options all that there are. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROFILES, type ServerProfile } from "#inference/openai/profiles";
import { ROOT } from "../support/program.ts";

const page = await readFile(join(ROOT, "docs/servers.md"), "utf8");

/** The rows of the table under a heading, without its own two first lines. */
const rowsUnder = (heading: string): string[] =>
  (page.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1);

const rowOf = ([name, { title, hosts, differs, sources, checked }]: [string, ServerProfile]): string => {
  const known = hosts.length === 0 ? "its name alone" : hosts.map((host) => `\`${host}\``).join(", ");
  const links = sources.map((source, index) => `[${index + 1}](${source})`).join(" ");
  return `| ${title} | \`"${name}"\` | ${known} | ${differs.join("; ")} | ${links}, ${checked} |`;
};

describe("docs/servers.md", () => {
  it("tells of each server what the data says", () => {
    expect(rowsUnder("What is known")).toEqual(Object.entries(PROFILES).map(rowOf));
  });

  it("lists the options of OpenAICompatibility, all of them and no others", async () => {
    const source = await readFile(join(ROOT, "src/inference/openai/compatibility.ts"), "utf8");
    const body = /^export interface OpenAICompatibility \{\n([\s\S]*?)^\}/m.exec(source)?.[1] ?? "";
    const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name as string);
    const listed = rowsUnder("What can be said").map((row) => /^\| `(\w+)`/.exec(row)?.[1]);
    expect(options.length).toBeGreaterThan(8);
    expect(listed.toSorted()).toEqual(options.toSorted());
  });
});
