/** Runs one tool for a chain: whatever it is given and whatever it does, the model gets a result that it can read. */

import { messageOf } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import type { Span } from "#contract/base/telemetry";
import { bindScope, type CallScope, runInScope } from "#contract/chat/call-scope";
import type { Tool, ToolContext } from "#contract/chat/tool";
import type { ToolChainOptions, ToolOrder, ToolOutcome } from "#contract/chat/tool-chain";
import { toolScope } from "./places.ts";

export interface ToolRunner {
  /** The tools of the mode, by name. */
  tools: ReadonlyMap<string, Tool>;
  scope: CallScope | undefined;
  /** The tool's own. */
  span: Span;
  reduce: ToolChainOptions["toolResultReducer"];
  maxChars: number;
}

const isBinary = (value: unknown): boolean => ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob;

/** @throws Error for what JSON cannot hold */
function textOfResult(value: unknown): string {
  if (value === undefined || value === "") return "(no output)";
  if (typeof value === "string") return value;
  if (isBinary(value)) throw new Error("it returned binary data; return text or JSON");
  return toJsonText(value, "its result");
}

function shorten(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text.slice(0, most).toWellFormed()}\n(cut: the result has ${text.length} characters, of which ${most} are shown)`;
}

/** Calls of models that a tool makes belong to the run, under the tool's own key; its signal is its own, since calls are found by it. */
async function within(
  { scope, span }: ToolRunner,
  order: ToolOrder,
  context: ToolContext,
  work: (own: ToolContext) => unknown,
): Promise<unknown> {
  if (scope === undefined) return work(context);
  const { signal } = context;
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const own = toolScope(scope, order, controller.signal, span);
  bindScope(controller.signal, own);
  try {
    return await runInScope(own, () => work({ ...context, signal: controller.signal }));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export interface RanTool {
  outcome: ToolOutcome;
  /** What the tool threw; where it is an error without this, it was not run. */
  thrown?: { error: unknown };
}

export async function runTool(order: ToolOrder, runner: ToolRunner, signal: AbortSignal): Promise<RanTool> {
  const { id, name, idempotencyKey } = order;
  const refuse = (content: string): RanTool => ({ outcome: { id, content: shorten(content, runner.maxChars), isError: true } });
  if (order.inputError !== undefined) {
    return refuse(`Tool "${name}" was not run: ${order.inputError}. Call it again with an input that is one JSON object.`);
  }
  const tool = runner.tools.get(name);
  if (tool === undefined) {
    const known = [...runner.tools.keys()].join(", ");
    return refuse(`There is no tool "${name}" now. ${known === "" ? "There are no tools." : `The tools are: ${known}.`}`);
  }
  let stops = false;
  let content: string;
  let thrown: { error: unknown } | undefined;
  try {
    signal.throwIfAborted();
    const checked = await tool.check(JSON.parse(order.input));
    if ("faults" in checked) {
      return refuse(`Tool "${name}" was not run: its input does not fit the schema: ${checked.faults}. Correct it and call again.`);
    }
    const context = {
      signal,
      toolUseId: id,
      idempotencyKey,
      stop: () => {
        stops = true;
      },
    };
    content = textOfResult(await within(runner, order, context, (own) => tool.run(checked.value, own)));
  } catch (error) {
    content = `Tool "${name}" failed: ${messageOf(error)}`;
    thrown = { error };
  }
  const isError = thrown !== undefined;
  if (runner.reduce !== undefined) content = await runner.reduce({ name, content, isError });
  const outcome = { id, content: shorten(content, runner.maxChars), isError, ...(stops ? { stops: true as const } : {}) };
  return { outcome, ...(thrown === undefined ? {} : { thrown }) };
}
