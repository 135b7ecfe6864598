/** The events of a Responses stream, read one by one; only `completed`, `incomplete` or `failed` ends the answer. */
import type { GenerationSink } from "#contract/chat/wire";
import { SPLICED } from "#inference/faults/spliced";
import { citationOf } from "#inference/openai/annotations";
import { faultOfBody } from "#inference/openai/errors";
import { endItem, finishResponse, hasRefusal, type RawItem, type RawResponse, type Streamed, startItem } from "./items.ts";

/** What is read of an event; any of it may be missing at a compatible server. */
interface StreamEvent {
  type?: string;
  item_id?: string;
  output_index?: number;
  summary_index?: number;
  delta?: string;
  annotation?: unknown;
  item?: RawItem;
  /** All of a text, at its end. */
  text?: string;
  response?: RawResponse;
}

interface OpenItem {
  key: string;
  streamed: Streamed;
  /** Whether it was told what it is: at a compatible server that may come last. */
  isTold: boolean;
  summaryIndex: number | undefined;
}

export function readResponsesEvents(into: GenerationSink): (event: unknown) => void {
  const open = new Map<string, OpenItem>();
  let id: unknown;
  let count = 0;
  let hasRefused = false;

  /** Some servers give the item another id in each event: the place tells more. */
  const placeOf = ({ output_index: index, item_id: id, item }: StreamEvent): string => String(index ?? id ?? item?.id ?? "");
  const begin = (event: StreamEvent): OpenItem => {
    const streamed = { text: false, sources: false, thinking: false, input: false };
    const started: OpenItem = { key: String(count++), streamed, isTold: event.item !== undefined, summaryIndex: undefined };
    open.set(placeOf(event), started);
    if (event.item !== undefined) startItem(started.key, event.item, into);
    return started;
  };
  const itemOf = (event: StreamEvent): OpenItem => open.get(placeOf(event)) ?? begin(event);

  const think = (event: StreamEvent): void => {
    const item = itemOf(event);
    const { summary_index: index } = event;
    const isNext = item.summaryIndex !== undefined && index !== undefined && index !== item.summaryIndex;
    into.thinking(item.key, (isNext ? "\n\n" : "") + (event.delta ?? ""));
    item.summaryIndex = index;
    item.streamed.thinking = true;
  };
  const say = (event: StreamEvent): void => {
    const item = itemOf(event);
    into.text(item.key, event.delta ?? "");
    item.streamed.text = true;
  };

  /** Of an answer whose items have not streamed. */
  const readItems = (items: RawItem[] | undefined): void => {
    for (const [index, item] of (Array.isArray(items) ? items : []).entries()) {
      startItem(String(index), item, into);
      endItem(String(index), item, into);
      hasRefused ||= hasRefusal(item);
    }
  };

  return (given) => {
    const event = (given ?? {}) as StreamEvent;
    switch (event.type) {
      case "response.output_text.delta":
        say(event);
        break;
      case "response.output_text.done": {
        const item = itemOf(event);
        // Some servers tell it at its end alone.
        if (!item.streamed.text) into.text(item.key, event.text ?? "");
        item.streamed.text = true;
        break;
      }
      case "response.refusal.delta":
        hasRefused = true;
        say(event);
        break;
      case "response.function_call_arguments.delta": {
        const item = itemOf(event);
        // One that nobody has named yet is told whole, at its end.
        if (!item.isTold) break;
        into.toolInput(item.key, event.delta ?? "");
        item.streamed.input = true;
        break;
      }
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        think(event);
        break;
      case "response.output_text.annotation.added": {
        const item = itemOf(event);
        into.cite(item.key, citationOf(event.annotation));
        item.streamed.sources = true;
        break;
      }
      case "response.output_item.added":
        begin(event);
        break;
      case "response.output_item.done": {
        const { key, streamed, isTold } = itemOf(event);
        if (event.item !== undefined) {
          if (!isTold) startItem(key, event.item, into);
          endItem(key, event.item, into, streamed);
          hasRefused ||= hasRefusal(event.item);
        }
        open.delete(placeOf(event));
        break;
      }
      case "response.created":
        if (id !== undefined && id !== event.response?.id) into.fail(SPLICED);
        id = event.response?.id;
        if (typeof id === "string") into.responseId(id);
        if (typeof event.response?.model === "string") into.model(event.response.model);
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed": {
        const status = event.type.slice("response.".length);
        if (count === 0) readItems(event.response?.output);
        finishResponse({ status, ...event.response }, into, hasRefused);
        break;
      }
      case "error":
        into.fail(faultOfBody((given as { error?: unknown }).error ?? given));
    }
  };
}
