/** Links of README.md and docs/ lead somewhere, for readers of the repository and of the package. */
import { stat } from "node:fs/promises";
import { dirname, posix, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../support/program.ts";
import { type Page, proseOf, readPages } from "./pages.ts";

const pages = await readPages();

/** As GitHub makes them of headings: what is no letter, number, space, `-` or `_` is gone, and spaces are `-`. */
function anchorsOf({ text }: Page): string[] {
  const headings = [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

interface Link {
  /** From the root; the page's own name where only an anchor is given. */
  target: string;
  anchor: string | undefined;
}

const linksOf = (page: Page): Link[] =>
  [...proseOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, path, anchor]) => ({
    target: path ? posix.normalize(posix.join(dirname(page.name), path)) : page.name,
    anchor,
  }));

const anchors = new Map(pages.map((page) => [page.name, anchorsOf(page)]));

describe.each(pages)("links of $name", (page) => {
  it("lead to files of the package, and to headings that there are", async () => {
    const dead: string[] = [];
    for (const { target, anchor } of linksOf(page)) {
      const isThere = await stat(resolve(ROOT, target)).then(
        () => true,
        () => false,
      );
      const isPacked = manifest.files.includes(target.split("/")[0] as string);
      const hasAnchor = anchor === undefined || anchors.get(target)?.includes(anchor);
      if (!isThere || !isPacked || !hasAnchor) dead.push(`${target}#${anchor ?? ""}`);
    }
    expect(dead).toEqual([]);
  });
});

describe("pages", () => {
  it("are each linked from the README", async () => {
    const linked = linksOf(pages[0] as Page).map(({ target }) => target);
    expect(linked).toEqual(expect.arrayContaining(["examples/demo.ts", "LICENSE", ...pages.slice(1).map(({ name }) => name)]));
  });

  it("have headings unlike each other, so that each can be linked", () => {
    for (const [name, all] of anchors)
      expect({ name, twice: all.filter((each, at) => all.indexOf(each) !== at) }).toEqual({ name, twice: [] });
  });

  it("begin with a sentence on what they answer", () => {
    const own = pages.filter(({ name }) => !["README.md", "docs/design.md", "docs/benchmarks.md"].includes(name));
    for (const { name, text } of own)
      expect({ name, text }).toEqual({ name, text: expect.stringMatching(/^# [^\n]+\n\n[A-Z][^.\n]+\.\n\n/) });
  });
});

describe("README", () => {
  const readme = (pages[0] as Page).text;

  it("opens with what it is, a picture, the two commands and code that runs", () => {
    const opening = readme.slice(0, readme.indexOf("\n## "));
    expect(opening).toContain("```mermaid\nflowchart");
    expect(opening).toContain("npm ci && npm run demo");
    expect(opening).toContain("npm ci && npm test");
    expect(opening).toContain("// prints ");
    expect(opening.split("\n").length).toBeLessThan(70);
  });

  it("is read in one go", () => {
    expect(readme.split("\n").length).toBeLessThan(350);
  });

  it("lists every entry point of the package", async () => {
    for (const path of Object.keys(manifest.exports)) {
      if (path !== "./package.json") expect(readme).toContain(`\`${path.replace(".", manifest.name)}\``);
    }
  });
});
