/** The graphs of runs that another process owns: what is known to both of them. */
import { type AgentModule, defineModule, Node } from "asimov-agents";

/** `holds`: its second node waits for a message; `parks`: is put down there; `chain`: 150 nodes in a row. */
export type Graph = "holds" | "parks" | "chain";

const CHAIN = 150;

export function asksFor(graph: Graph, say: (line: string) => void): { nodes: Node[]; parks?: Promise<void> } {
  const module = (name: string, work: (context: Parameters<AgentModule["process"]>[0]) => Promise<unknown>): AgentModule =>
    defineModule({
      name,
      config: { timeoutMs: Number.POSITIVE_INFINITY },
      async process(context) {
        say(context.idempotencyKey);
        return { status: "success", result: await work(context) };
      },
    });
  const plain = (name: string, dependencies: string[]): Node =>
    new Node({ name, dependencies, modules: [module("work", async () => `${name} `.repeat(400))] });
  if (graph === "chain") {
    const name = (index: number): string => `n${index}`;
    return { nodes: Array.from({ length: CHAIN }, (_, index) => plain(name(index), index === 0 ? [] : [name(index - 1)])) };
  }
  const arrived = Promise.withResolvers<void>();
  /** Everything that it is sent, up to the message "end". */
  const listen = module("listen", async ({ values, signal }) => {
    arrived.resolve();
    await values.set("listening", { 'to/the "one"': ["news"] });
    for (const heard: unknown[] = []; ; ) {
      const message = await values.getMessage("news", { signal });
      if (message === "end") return heard;
      heard.push(message);
    }
  });
  const nodes = [plain("a", []), new Node({ name: "b", dependencies: ["a"], modules: [listen] }), plain("c", ["b"])];
  return graph === "parks" ? { nodes, parks: arrived.promise } : { nodes };
}
