/** Map and reduce over files: a node counts the words of each file that another one has found, so many at a time, and a last one adds them up. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent, defineModule, Node, Task } from "asimov-agents";

const folder = process.argv[2] ?? join(import.meta.dirname, "..", "docs");

const list = defineModule({
  name: "list",
  process: async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
    return { status: "success", result: [...names, "a page that is not there.md"] };
  },
});
const count = defineModule({
  name: "count",
  process: async ({ item, signal }) => {
    const text = await readFile(join(folder, item as string), { encoding: "utf8", signal });
    return { status: "success", result: { name: item, words: text.split(/\s+/).length } };
  },
});

type Counted = { status: "success"; result: { name: string; words: number } } | { status: "error"; error: string };
const sum = defineModule({
  name: "sum",
  process: async ({ results }) => {
    const counted = (results.count as Counted[]).flatMap((each) => (each.status === "success" ? [each.result] : []));
    const longest = counted.reduce((a, b) => (b.words > a.words ? b : a));
    return { status: "success", result: { files: counted.length, words: counted.reduce((all, { words }) => all + words, 0), longest } };
  },
});

const agent = new Agent({
  nodes: [
    new Node({ name: "list", modules: [list] }),
    // Each file has its own attempts; one that cannot be read is an entry among the results.
    new Node({
      name: "count",
      forEach: "list",
      modules: [count],
      dependencies: ["list"],
      nodeConfig: { maxParallelItems: 4, maxRetries: 2, onItemError: "keep" },
    }),
    new Node({ name: "sum", modules: [sum], dependencies: ["count"] }),
  ],
});

const run = agent.start(new Task({ type: "count", objective: "Count the words of the docs" }));
for await (const event of run.events()) {
  if (event.type === "items.started") console.log(`${event.count} files`);
  if (event.type === "item.ended" && event.status === "error") console.log(`file ${event.index}: ${event.code}`);
}
const { status, results } = await run.outcome;
const { files, longest } = results.sum as { files: number; longest: { name: string } };
console.log(`${status}: ${files} counted, the longest is ${longest.name}`);
