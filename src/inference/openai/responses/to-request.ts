/** A request as the Responses API takes it: the whole conversation as items, nothing of which is stored there. */

import { ChatRole } from "#contract/base/vocabulary";
import type { Thinking } from "#contract/chat/generation";
import type { ThinkingBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireTool } from "#contract/chat/wire";
import { effortOf } from "#inference/openai/effort";
import { responsesFile } from "#inference/openai/files";
import type { Dialect } from "#inference/openai/options";
import { type ChoiceWords, toolChoiceOf } from "#inference/openai/tool-choice";
import { splitResult } from "#inference/request/split-result";
import { heldSchema, outputFormat } from "#inference/request/strict-schema";

type Json = Record<string, unknown>;

const CHOICE: ChoiceWords = {
  named: (name) => ({ type: "function", name }),
  allowed: (tools) => ({ type: "allowed_tools", mode: "auto", tools }),
};
const BREAKPOINT = { prompt_cache_breakpoint: { mode: "explicit" } };
/** They do not think, and OpenAI refuses to encrypt what is not there. */
const THOUGHTLESS = /(?:^|[:/])(?:gpt-[34]|chatgpt|gpt-5-chat)/;

export function toResponsesRequest(request: ModelRequest, dialect: Dialect): Json {
  const { model, system, tools, maxTokens, temperature, topP, thinking, output } = request;
  // Only items can be marked. Where anything is, the system is an item too: which markers are left for it may change from turn to turn.
  const isCached = [...system, ...request.messages].some(({ cacheMarker }) => cacheMarker);
  const instructions = isCached ? "" : system.map(textOf).join("\n\n");
  const items = new Items(dialect);
  for (const message of [...(isCached ? system : []), ...request.messages]) items.add(message);
  return {
    model,
    ...(instructions === "" ? {} : { instructions }),
    input: items.list,
    ...(tools.length === 0 ? {} : { tools: tools.map(toolOf), ...toolChoiceOf(request, CHOICE) }),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(thinking === undefined ? {} : { reasoning: reasoningOf(thinking, model, dialect) }),
    ...(output === undefined ? {} : { text: { format: { type: "json_schema", ...outputFormat(output) } } }),
    store: false,
    ...(THOUGHTLESS.test(model) ? {} : { include: ["reasoning.encrypted_content"] }),
    ...(items.isMarked ? { prompt_cache_options: { mode: "explicit" } } : {}),
  };
}

function reasoningOf(thinking: Thinking, model: string, { provider }: Dialect): Json {
  const effort = effortOf(thinking, model, provider);
  const isShown = thinking !== false && (thinking === true || thinking.display !== "omitted");
  return { ...(effort === undefined ? {} : { effort }), ...(isShown ? { summary: "auto" } : {}) };
}

/** The API wants properties, also where a schema goes without; and it is strict unless it is told not to be. */
function toolOf({ name, description, inputSchema, strict, definition }: WireTool): Json {
  if (definition !== undefined) return definition;
  const { schema, ...held } = heldSchema({ type: "object", properties: {}, ...inputSchema }, strict);
  return { type: "function", name, description, parameters: schema, strict: false, ...held };
}

const textOf = ({ blocks }: WireMessage): string => blocks.map((block) => (block.type === "text" ? block.text : "")).join("\n\n");

/** The conversation so far. */
class Items {
  readonly list: Json[] = [];
  isMarked = false;
  readonly #dialect: Dialect;
  /** Of what was said, the last that can carry a marker: answers cannot. */
  #lastPart: Json | undefined;
  /** Where the results of the latest answer's calls end. */
  #resultsEnd = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add({ role, blocks, cacheMarker }: WireMessage): void {
    if (role === ChatRole.ASSISTANT) this.#resultsEnd = this.list.push(...answerItemsOf(blocks));
    else this.#addInput(role, blocks);
    if (!cacheMarker || this.#dialect.markers !== "openai" || this.#lastPart === undefined) return;
    Object.assign(this.#lastPart, BREAKPOINT);
    this.isMarked = true;
  }

  #addInput(role: ChatRole, blocks: readonly WireBlock[]): void {
    const { instructor, markers } = this.#dialect;
    // Only OpenAI's own takes parts in a result, and only there may one be marked.
    const isParted = markers === "openai";
    const files: WireBlock[] = [];
    for (const block of blocks) {
      if (block.type !== "tool-result") continue;
      const { inside, beside } = splitResult(block.content, () => isParted);
      files.push(...beside);
      const told = inside.flatMap((part) => partOf(part, this.#dialect));
      if (this.#resultsEnd === this.list.length) this.#lastPart = told.at(-1);
      const output = isParted ? told : told.map(({ text }) => text).join("\n");
      this.list.splice(this.#resultsEnd++, 0, { type: "function_call_output", call_id: block.toolUseId, output });
    }
    const parts = [...files, ...blocks].flatMap((block) => partOf(block, this.#dialect));
    if (parts.length === 0) return;
    this.#lastPart = parts.at(-1);
    this.list.push({ type: "message", role: role === ChatRole.SYSTEM ? instructor : "user", content: parts });
  }
}

function partOf(block: WireBlock, { provider }: Dialect): Json[] {
  if (block.type === "text") return block.text === "" ? [] : [{ type: "input_text", text: block.text }];
  return block.type === "file" ? [responsesFile(block, provider)] : [];
}

/** The API refuses a thought that nothing followed, as in an answer that was cut off. */
function answerItemsOf(blocks: readonly WireBlock[]): Json[] {
  const items = blocks.flatMap(answerItems);
  return items.slice(0, items.findLastIndex(({ type }) => type !== "reasoning") + 1);
}

function answerItems(block: WireBlock): Json[] {
  switch (block.type) {
    case "text": {
      const { phase } = block.native?.data ?? {};
      const content = [{ type: "output_text", text: block.text }];
      return block.text === "" ? [] : [{ type: "message", role: "assistant", content, ...(typeof phase === "string" ? { phase } : {}) }];
    }
    case "provider":
      return [block.value as Json];
    case "thinking":
      return reasoningItem(block);
    case "tool-use":
      return [{ type: "function_call", call_id: block.id, name: block.name, arguments: argumentsOf(block) }];
    default:
      return [];
  }
}

/** A thought goes back as it came; one without its encrypted form is not found there, since nothing is stored. */
function reasoningItem({ native }: ThinkingBlock): Json[] {
  const { id, summary, encrypted_content: encrypted } = native?.data ?? {};
  if (typeof encrypted !== "string" || encrypted === "") return [];
  return [{ type: "reasoning", ...(typeof id === "string" ? { id } : {}), summary: summary ?? [], encrypted_content: encrypted }];
}

const argumentsOf = ({ input, inputError }: ToolUseBlock): string =>
  inputError !== undefined && typeof input === "string" ? input : JSON.stringify(input);
