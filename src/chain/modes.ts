/** Which prompt and tools hold in which mode of a chain, and the tool by which the model changes it. */
import * as z from "zod/mini";
import { AsimovError, SnapshotError } from "#contract/base/errors";
import { defineTool, type Tool, twiceNamed } from "#contract/chat/tool";
import type { ToolChainOptions } from "#contract/chat/tool-chain";

export const SWITCH_MODE = "switch_mode";

export interface Modes {
  initial: string | null;
  /** Of a chain that is gone on with. @throws SnapshotError `snapshot-other-chain` */
  require(mode: string | null): void;
  /** What the model is told of: of the mode, or of all modes where the request must not change. */
  toolsTold(mode: string | null): readonly Tool[];
  /** What may run. */
  toolsOf(mode: string | null): ReadonlyMap<string, Tool>;
  systemOf(mode: string | null): string | undefined;
}

/** @throws AsimovError `invalid-options` */
export function modesOf(tools: readonly Tool[], swap: ToolChainOptions["modeSwap"], isFixed: boolean): Modes {
  // Of one name, that which runs here wins over a provider's.
  const byName = (list: readonly Tool[]): Map<string, Tool> =>
    new Map(list.toSorted((a, b) => Number(a.native === undefined) - Number(b.native === undefined)).map((tool) => [tool.name, tool]));
  if (swap === undefined) {
    requireDistinct(tools);
    const own = byName(tools);
    return { initial: null, require: requireKnown([null]), toolsTold: () => tools, toolsOf: () => own, systemOf: () => undefined };
  }
  const names = Object.keys(swap.modes);
  if (!Object.hasOwn(swap.modes, swap.initial)) {
    throw new AsimovError(`toolChain: modeSwap.initial is "${swap.initial}"; the modes are ${names.join(", ")}.`, {
      code: "invalid-options",
    });
  }
  const list = names.map((name) => `${name}: ${swap.modes[name]?.description ?? ""}`).join("; ");
  const switcher = defineTool({
    name: SWITCH_MODE,
    description: `Changes the mode, and with it your instructions and tools. The modes: ${list}`,
    input: z.object({ mode: z.enum(names as [string, ...string[]]) }),
    run: ({ mode }) => `The mode is now "${mode}".`,
  });
  const told = new Map(
    names.map((name): [string | null, readonly Tool[]] => {
      const all = [...tools, ...(swap.modes[name]?.tools ?? []), switcher];
      requireDistinct(all);
      return [name, all];
    }),
  );
  if (isFixed) requireAlike([...told.values()].flat());
  const union = [...byName([...told.values()].flat()).values()];
  const run = new Map([...told].map(([name, all]) => [name, byName(all)]));
  return {
    initial: swap.initial,
    require: requireKnown(names),
    toolsTold: (mode) => (isFixed ? union : (told.get(mode) as readonly Tool[])),
    toolsOf: (mode) => run.get(mode) as ReadonlyMap<string, Tool>,
    systemOf: (mode) => swap.modes[mode ?? ""]?.system,
  };
}

const requireKnown =
  (modes: readonly (string | null)[]) =>
  (mode: string | null): void => {
    if (modes.includes(mode)) return;
    const told = mode === null ? "without modes" : `in the mode "${mode}"`;
    const own = modes.includes(null) ? "has none" : `has the modes ${modes.join(", ")}`;
    throw new SnapshotError(`The checkpoint is of a chain ${told}; this one ${own}. Give it the modes it had, or another checkpoint.`, {
      code: "snapshot-other-chain",
    });
  };

/** A model that is told of all modes' tools at once knows a name by one description alone. */
function requireAlike(tools: readonly Tool[]): void {
  const tellings = new Map<string, string>();
  for (const { name, description, inputSchema } of tools) {
    const telling = JSON.stringify([description, inputSchema]);
    const known = tellings.get(name);
    if (known !== undefined && known !== telling) {
      throw new AsimovError(
        `toolChain: modes have different tools named "${name}", but this model is told of the tools of all modes at once. Give each a name of its own.`,
        { code: "invalid-options" },
      );
    }
    tellings.set(name, telling);
  }
}

function requireDistinct(tools: readonly Tool[]): void {
  const twice = twiceNamed(tools);
  if (twice !== undefined) {
    throw new AsimovError(`toolChain: two tools are named "${twice}"; give each a name of its own.`, { code: "invalid-options" });
  }
}
