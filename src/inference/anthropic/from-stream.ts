/** The raw events of a Messages stream, read one by one; only `message_stop` proves that the answer is whole. */
import type { GenerationSink } from "#contract/chat/wire";
import { SPLICED } from "#inference/faults/spliced";
import { citationOf } from "./citations.ts";
import { faultOfBody } from "./errors.ts";
import { KeptBlock, listOf, type RawBlock, type RawDelta, restOf } from "./kept-block.ts";
import { finishReasonOf } from "./stop-reason.ts";
import { type RawUsage, usageReader } from "./usage.ts";

/** What is read of an event; any of it may be missing behind a gateway. */
interface StreamEvent {
  type?: string;
  index?: number;
  message?: { id?: unknown; model?: unknown; usage?: RawUsage | null } | null;
  content_block?: RawBlock | null;
  delta?: RawDelta | null;
  usage?: RawUsage | null;
}

type Kind = "text" | "thinking" | "tool-use";

/** Of a block of a known kind: what is kept beside what is read. */
interface Known {
  kind: Kind;
  rest: Record<string, unknown>;
  /** Of kinds that are not known. */
  deltas: RawDelta[];
}

const textIn = (value: unknown): string => (typeof value === "string" ? value : "");

export function readEvents(into: GenerationSink): (event: unknown) => void {
  const readUsage = usageReader();
  const known = new Map<number, Known>();
  const kept = new Map<number, KeptBlock>();
  let stopReason: unknown;
  let id: unknown;

  const start = (index: number, block: RawBlock): void => {
    stop(index);
    const kind = startBlock(index, block, into);
    if (kind !== undefined) {
      known.set(index, { kind, rest: { ...restOf(block) }, deltas: [] });
      return;
    }
    // Its place is taken now; what it holds is known at its end.
    into.provider(index);
    kept.set(index, new KeptBlock(block));
  };
  const stop = (index: number): void => {
    const block = kept.get(index);
    if (block !== undefined) into.provider(index, block.whole());
    kept.delete(index);
    known.delete(index);
    into.end(index);
  };
  const readDelta = (index: number, delta: RawDelta): void => {
    switch (delta.type) {
      case "text_delta":
        into.text(index, textIn(delta.text));
        break;
      case "input_json_delta":
        into.toolInput(index, textIn(delta.partial_json));
        break;
      case "thinking_delta":
        into.thinking(index, textIn(delta.thinking));
        break;
      case "signature_delta":
        into.signature(index, textIn(delta.signature));
        break;
      default:
        keepDelta(index, delta);
    }
  };
  const keepDelta = (index: number, delta: RawDelta): void => {
    const block = known.get(index) ?? { kind: "text", rest: {}, deltas: [] };
    known.set(index, block);
    const { kind, rest, deltas } = block;
    if (delta.type === "citations_delta") {
      rest.citations = [...listOf(rest.citations), delta.citation];
      into.cite(index, citationOf(delta.citation));
    } else deltas.push(delta);
    into.native(index, kind, { ...(Object.keys(rest).length === 0 ? {} : { rest }), ...(deltas.length === 0 ? {} : { deltas }) });
  };

  return (event) => {
    const { type, index = 0, message, content_block: block, delta, usage } = (event ?? {}) as StreamEvent;
    switch (type) {
      case "content_block_delta": {
        if (!delta) break;
        const unread = kept.size === 0 ? undefined : kept.get(index);
        if (unread === undefined) readDelta(index, delta);
        else unread.take(delta);
        break;
      }
      case "content_block_start":
        if (block) start(index, block);
        break;
      case "content_block_stop":
        stop(index);
        break;
      case "message_start":
        if (id !== undefined && id !== message?.id) into.fail(SPLICED);
        id = message?.id;
        if (typeof id === "string") into.responseId(id);
        if (typeof message?.model === "string") into.model(message.model);
        if (message?.usage) into.usage(readUsage(message.usage));
        break;
      case "message_delta":
        stopReason = delta?.stop_reason ?? stopReason;
        if (usage) into.usage(readUsage(usage));
        break;
      case "message_stop":
        for (const open of [...kept.keys()]) stop(open);
        into.finish(finishReasonOf(stopReason));
        break;
      case "error":
        into.fail(faultOfBody(event));
    }
  };
}

/** Opens a block with what it starts with. @returns `undefined` for kinds that are not known, of which nothing is opened */
export function startBlock(index: number, block: RawBlock, into: GenerationSink): Kind | undefined {
  const kind = openBlock(index, block, into);
  const rest = kind === undefined ? undefined : restOf(block);
  if (kind !== undefined && rest !== undefined) into.native(index, kind, { rest });
  if (kind === "text") for (const citation of listOf(rest?.citations)) into.cite(index, citationOf(citation));
  return kind;
}

function openBlock(index: number, block: RawBlock, into: GenerationSink): Kind | undefined {
  switch (block.type) {
    case "text":
      into.text(index, textIn(block.text));
      return "text";
    case "thinking":
      into.thinking(index, textIn(block.thinking));
      if (textIn(block.signature) !== "") into.signature(index, textIn(block.signature));
      return "thinking";
    case "redacted_thinking":
      into.native(index, "thinking", { redacted: textIn(block.data) });
      return "thinking";
    case "tool_use":
      // Its input here is a placeholder: the real one comes in pieces.
      into.toolStart(index, { id: textIn(block.id), name: textIn(block.name) });
      return "tool-use";
    default:
      return undefined;
  }
}
