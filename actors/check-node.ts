/** Whether a node runs: its condition must hold; then its inputs must be there. */
import type { PromiseActorLogic } from "xstate";
import { AsimovError } from "#contract/base/errors";
import type { ModuleOrder } from "#contract/node/attempt";
import type { Node } from "#contract/node/node";
import type { HostOf } from "#contract/run/host";
import { fromEffect } from "./from-effect.ts";

export interface NodeChecks {
  node(name: string): Node;
  /** @throws ConditionError */
  evaluate(condition: string): Promise<boolean>;
  /** Those of the keys that the run's values do not hold. */
  missingKeys(keys: readonly string[]): Promise<string[]>;
  /** Takes the list of which each item is run, unless this visit has it. @throws AsimovError `invalid-items`, `part-too-large` */
  takeItems(order: ModuleOrder): Promise<void>;
}

async function requireKeys(host: NodeChecks, keys: readonly string[] | undefined, node: string, kind: "input" | "output"): Promise<void> {
  if (keys === undefined || keys.length === 0) return;
  const missing = await host.missingKeys(keys);
  if (missing.length === 0) return;
  const when = kind === "input" ? "before it runs" : "after it ran";
  throw new AsimovError(
    `Node "${node}" needs the ${missing.length === 1 ? "value" : "values"} ${missing.map((key) => `"${key}"`).join(", ")} ${when} (${kind}s).`,
    {
      code: `missing-${kind}`,
    },
  );
}

/** Input the order of the visit to come, output whether the condition holds. Fails with `missing-input`, `invalid-items` or a `ConditionError`. */
export function checkNode(hostOf: HostOf<NodeChecks>): PromiseActorLogic<boolean, ModuleOrder> {
  return fromEffect(async ({ input, self }) => {
    const host = hostOf(self);
    const { nodeConfig, forEach } = host.node(input.node);
    const { inputs, condition } = nodeConfig;
    if (condition !== undefined && !(await host.evaluate(condition))) return false;
    await requireKeys(host, inputs, input.node, "input");
    if (forEach !== undefined) await host.takeItems(input);
    return true;
  });
}

/** Input `{ node }`. Fails with `missing-output`. */
export function verifyOutputs(hostOf: HostOf<NodeChecks>): PromiseActorLogic<void, { node: string }> {
  return fromEffect(({ input, self }) => {
    const host = hostOf(self);
    return requireKeys(host, host.node(input.node).nodeConfig.outputs, input.node, "output");
  });
}
