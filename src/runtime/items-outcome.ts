/** What the items of a node add up to, as what its module gives. */
import type { ModuleOutcome } from "#contract/node/attempt";
import { type Each, nameOfItem } from "#contract/node/items";
import type { TaskOutcomeJSON } from "#contract/run/outcome";

/** As an entry of the list, where failures are kept. */
export type ItemResult = { status: "success"; result: unknown } | { status: "error"; error: string };

type Ended = Omit<ModuleOutcome, "module" | "endedAt">;

export function itemsOutcome({ node, items }: Each, outcome: TaskOutcomeJSON): Ended {
  const { status, failure } = outcome;
  const keeps = node.nodeConfig.onItemError === "keep";
  const result = items.map((_, index) => {
    const given = givenBy(outcome, nameOfItem(index));
    return keeps ? given : given.status === "success" ? given.result : null;
  });
  if (status === "COMPLETE" || (keeps && status === "PARTIAL")) {
    return { status: "success", json: JSON.stringify({ status: "success", result }), retryable: true };
  }
  const { error, code, final, ...details } = failure ?? { error: "an item failed", code: "module-failed" };
  const json = JSON.stringify({ status: "error", result, error });
  return { status: "error", json, error, code, details, retryable: final !== true };
}

/** One that never began, or was aborted, gave nothing. */
function givenBy({ results, nodes }: TaskOutcomeJSON, name: string): ItemResult {
  if (Object.hasOwn(results, name)) return { status: "success", result: results[name] };
  const ended = Object.hasOwn(nodes, name) ? nodes[name] : undefined;
  return { status: "error", error: ended?.status === "error" ? ended.error : "it did not run" };
}
