/** Runs one tool for a chain: whatever it is given and whatever it does, the model gets a result that it can read. */

import { messageOf } from "#contract/base/errors";
import { copyJson, toJsonText } from "#contract/base/json";
import type { Span } from "#contract/base/telemetry";
import { bindScope, runInScope } from "#contract/chat/call-scope";
import { filesOfResult, plainBlock, resultParts, textOfResult } from "#contract/chat/message";
import type { Tool } from "#contract/chat/tool";
import type { ToolChainOptions, ToolOrder, ToolOutcome, ToolTurn } from "#contract/chat/tool-chain";
import { type Deciders, decide } from "./approvals.ts";
import { toolScope } from "./places.ts";

export interface ToolRunner extends Deciders {
  /** The tools of the mode, by name. */
  tools: ReadonlyMap<string, Tool>;
  /** The tool's own. */
  span: Span;
  reduce: ToolChainOptions["toolResultReducer"];
  maxChars: number;
  /** Tells whoever watches the chain. */
  emit(event: unknown): void;
  /** Told of a result that is longer than that. */
  onCut(): void;
}

type Content = ToolOutcome["content"];

const isBinary = (value: unknown): boolean => ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob;

/** @throws Error for what JSON cannot hold */
function contentOf(value: unknown): Content {
  const parts = resultParts(value);
  if (parts !== undefined) return parts.map(plainBlock);
  if (value === undefined || value === "") return "(no output)";
  if (typeof value === "string") return value;
  if (isBinary(value)) throw new Error('it returned binary data; return text, JSON, or a file: { type: "file", mediaType, data }');
  return toJsonText(value, "its result");
}

function shortened(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text.slice(0, most).toWellFormed()}\n(cut: the result has ${text.length} characters, of which ${most} are shown)`;
}

const lengthOf = (content: Content): number =>
  typeof content === "string" ? content.length : content.reduce((sum, part) => sum + (part.type === "text" ? part.text.length : 0), 0);

/** Files are left as they are. */
function shorten(content: Content, most: number): Content {
  if (typeof content === "string") return shortened(content, most);
  let left = most;
  return content.map((part) => {
    if (part.type !== "text") return part;
    const text = shortened(part.text, left);
    left = Math.max(0, left - part.text.length);
    return { ...part, text };
  });
}

const preceded = (note: string, content: Content): Content =>
  note === "" ? content : typeof content === "string" ? note + content : [{ type: "text", text: note }, ...content];

/** Calls of models that a tool makes belong to the run, under the tool's own key; its signal is its own, since calls are found by it. */
async function within(
  { scope, span }: ToolRunner,
  order: ToolOrder,
  turn: ToolTurn,
  work: (signal: AbortSignal) => unknown,
): Promise<unknown> {
  const { signal } = turn;
  if (scope === undefined) return work(signal);
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const own = toolScope(scope, order, { signal: controller.signal, wait: turn.wait }, span);
  bindScope(controller.signal, own);
  try {
    return await runInScope(own, () => work(controller.signal));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export interface RanTool {
  outcome: ToolOutcome;
  /** What the tool threw; where it is an error without this, it was not run. */
  thrown?: { error: unknown };
}

const misfit = (name: string, faults: string): string =>
  `Tool "${name}" was not run: its input does not fit the schema: ${faults}. Correct it and call again.`;

/** What the tool is to run with, as JSON text, and what its result begins with where a person changed that; or why it is not run. */
type Cleared = { input: string; note: string } | { refusal: string };

async function cleared(tool: Tool, order: ToolOrder, runner: ToolRunner, turn: ToolTurn): Promise<Cleared> {
  const { name, input } = order;
  const asIs = { input, note: "" };
  if (tool.needsApproval === undefined) return asIs;
  let refusal: string | undefined;
  const needed = async (): Promise<boolean> => {
    try {
      const checked = await tool.check(JSON.parse(input));
      // Whatever is not a plain no.
      if ("value" in checked) return (await tool.needsApproval?.(checked.value)) !== false;
      refusal = misfit(name, checked.faults);
    } catch (error) {
      refusal = `Tool "${name}" failed before it was run: whether a person must approve it could not be found out: ${messageOf(error)}`;
    }
    return false;
  };
  const decision = await decide(runner, { tool, order, turn, needed });
  if (refusal !== undefined) return { refusal };
  if (decision === undefined || "approve" in decision) return asIs;
  if ("edit" in decision) {
    const text = toJsonText(decision.edit, "the edited input");
    return { input: text, note: `A person changed the input of this call, and it was run with ${text}. Its result:\n` };
  }
  const why = decision.deny === "" ? "." : `, and said: ${decision.deny}`;
  return { refusal: `Tool "${name}" was not run: a person denied it${why}` };
}

export async function runTool(order: ToolOrder, runner: ToolRunner, turn: ToolTurn): Promise<RanTool> {
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
  const clear = await cleared(tool, order, runner, turn);
  if ("refusal" in clear) return refuse(clear.refusal);
  let stops = false;
  let content: Content;
  let thrown: { error: unknown } | undefined;
  try {
    turn.signal.throwIfAborted();
    const checked = await tool.check(JSON.parse(clear.input));
    if ("faults" in checked) return refuse(misfit(name, checked.faults));
    const stop = (): void => {
      stops = true;
    };
    const emit = (event: unknown): void => runner.emit(copyJson(event, `What tool "${name}" emits`));
    const run = (signal: AbortSignal): unknown => tool.run(checked.value, { signal, toolUseId: id, idempotencyKey, stop, emit });
    content = contentOf(await within(runner, order, turn, run));
  } catch (error) {
    content = `Tool "${name}" failed: ${messageOf(error)}`;
    thrown = { error };
  }
  const isError = thrown !== undefined;
  if (runner.reduce !== undefined) {
    const files = filesOfResult(content);
    const given = await runner.reduce({ name, content: textOfResult(content), files, isError });
    content = typeof given !== "string" ? given.map(plainBlock) : files.length === 0 ? given : [{ type: "text", text: given }, ...files];
  }
  const told = preceded(clear.note, content);
  if (lengthOf(told) > runner.maxChars) runner.onCut();
  const outcome = {
    id,
    content: shorten(told, runner.maxChars),
    isError,
    ...(stops ? { stops: true as const } : {}),
  };
  return { outcome, ...(thrown === undefined ? {} : { thrown }) };
}
