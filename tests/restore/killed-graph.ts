/** A graph with everything that a snapshot holds: a loop, nested graphs, added nodes, a partial failure, values and mailboxes. */
import { Agent, type Clock, FlowControlModule, Node, NonRetryableError, type RunStore } from "asimov-agents";
import { logged } from "./fixture.ts";

export interface Noted {
  key: string;
  place: string;
}

/** @param visit told of each module's run before it does anything; may end the process */
export function killedAgent(store: RunStore, visit: (note: Noted) => void, clock?: Clock): Agent {
  const note = (name: string, work: Parameters<typeof logged>[2] = () => name, more: Parameters<typeof logged>[3] = {}) =>
    logged(
      [],
      name,
      async (context) => {
        const { node, idempotencyKey } = context;
        visit({ key: idempotencyKey, place: `${node.name}.${node.visit}.${node.attempt}/${name}` });
        return work(context);
      },
      more,
    );
  const node = (name: string, init: Partial<ConstructorParameters<typeof Node>[0]> = {}): Node =>
    new Node({ snapshot: "ALWAYS", modules: init.nodes === undefined ? [note(name)] : [], ...init, name });
  const grown = node("grown", { modules: [note("grown", ({ values }) => values.get("rounds", 0))] });

  return new Agent({
    store,
    ...(clock === undefined ? {} : { clock }),
    dynamicNodes: [grown],
    nodes: [
      node("start", {
        modules: [
          note("start", async ({ values }) => {
            await values.set("plan", { steps: ["a", "b"], "odd/key": "…" });
            await values.set("old", 1);
            for (const message of ["one", { two: 2 }, "three"]) await values.publishToMailbox("inbox", message);
          }),
        ],
      }),
      node("both", {
        dependencies: ["start"],
        nodeConfig: { parallel: true, maxRetries: 2 },
        modules: [
          note("good"),
          note("bad", ({ node: { attempt } }) => {
            throw attempt === 1 ? new Error("once more") : new NonRetryableError("broken");
          }),
        ],
      }),
      node("blocked", { dependencies: ["both"] }),
      node("read", {
        dependencies: ["start"],
        outputMailbox: "readings",
        modules: [note("read", async ({ values }) => (await values.delete("old")) && (await values.getMessage("inbox", { timeoutMs: 0 })))],
      }),
      node("skipped", { dependencies: ["start"], nodeConfig: { condition: "plan.steps[1] == 'b'" } }),
      node("inner", {
        dependencies: ["read"],
        nodes: [
          node("first", { modules: [note("first", ({ values }) => values.increment("firsts"))] }),
          node("deep", {
            dependencies: ["first"],
            nodes: [
              node("deepest", { modules: [note("deepest", ({ values }) => values.increment("deeps"))] }),
              node("last", { dependencies: ["deepest"] }),
            ],
          }),
        ],
      }),
      node("work", { dependencies: ["inner"], modules: [note("work", ({ values }) => values.increment("rounds"))] }),
      node("again?", {
        dependencies: ["work"],
        modules: [
          note("note"),
          new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "work", condition: "rounds < 3" }] } }),
        ],
      }),
      node("grow", {
        dependencies: ["again?"],
        modules: [note("before"), note("grow"), new Grower(grown)],
      }),
      node("end", { dependencies: ["grow"], modules: [note("end", ({ values }) => values.getAll())] }),
    ],
  });
}

class Grower extends FlowControlModule {
  readonly #node: Node;
  constructor(node: Node) {
    super({ name: "grower", flowConfig: { decisions: [] } });
    this.#node = node;
  }
  override async process() {
    return { status: "success" as const, result: "grown", newNodes: [this.#node] };
  }
}
