/** The contract of items as the compiler sees it. */
import { defineModule, Node, type RunView } from "asimov-agents";

export const find = defineModule({
  name: "find",
  process: async ({ item, index }) => {
    const place: number | undefined = index;
    // @ts-expect-error what an item is, the list says, which is not known here
    const text: string = item;
    return { status: "success", result: [place, text] };
  },
});

new Node({ name: "each", forEach: "plan.topics", modules: [find], nodeConfig: { maxParallelItems: 8, onItemError: "keep" } });
new Node({ name: "each", forEach: ["plan", "topics"] as const, modules: [find] });
// @ts-expect-error no path
new Node({ name: "each", forEach: 3, modules: [find] });
// @ts-expect-error nothing that a failure does
new Node({ name: "each", forEach: "list", modules: [find], nodeConfig: { onItemError: "skip" } });
// @ts-expect-error no number of items
new Node({ name: "each", forEach: "list", modules: [find], nodeConfig: { maxParallelItems: "8" } });

export const statusOf = (view: RunView, node: string, index: number): string | undefined => view.nodes[node]?.items?.[index]?.status;
