/** What an answer holds beside text, thoughts and tool calls: it is kept as it came, so that the next request gives it back unchanged. */

/** A block of an answer, whole or as its stream starts it; any of it may be missing behind a gateway. */
export interface RawBlock {
  type?: string;
  text?: unknown;
  thinking?: unknown;
  signature?: unknown;
  data?: unknown;
  id?: unknown;
  name?: unknown;
  input?: unknown;
}

export interface RawDelta {
  type?: string;
  text?: unknown;
  partial_json?: unknown;
  thinking?: unknown;
  signature?: unknown;
  citation?: unknown;
  stop_reason?: unknown;
}

/** Fields that have places of their own. */
const READ: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["text", new Set(["type", "text"])],
  ["thinking", new Set(["type", "thinking", "signature"])],
  ["tool_use", new Set(["type", "id", "name", "input"])],
]);

/** What says no more than its absence does; a tool's caller is the model itself where none is named. */
const saysNothing = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && (value as { type?: unknown }).type === "direct");

/** The fields of a block of a known kind that are not read, such as its citations. */
export function restOf(block: RawBlock): Record<string, unknown> | undefined {
  const read = READ.get(block.type ?? "");
  const rest = Object.entries(block).filter(([key, value]) => read?.has(key) === false && !saysNothing(value));
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}

/** A block of a kind that is not read, such as the call of a tool that the API runs itself; its stream adds to it. */
export class KeptBlock {
  #block: Record<string, unknown>;
  #input = "";

  constructor(start: RawBlock) {
    this.#block = { ...start };
  }

  /** Deltas of kinds that are not known add as all of them do: text to text, a field to the block. */
  take({ type, ...delta }: RawDelta): void {
    if (type === "input_json_delta") this.#input += typeof delta.partial_json === "string" ? delta.partial_json : "";
    else if (type === "citations_delta") this.#set("citations", [...listOf(this.#block.citations), delta.citation]);
    else for (const [key, value] of Object.entries(delta)) this.#set(key, added(this.#block[key], value));
  }

  whole(): Record<string, unknown> {
    return this.#input === "" ? this.#block : { ...this.#block, input: parsed(this.#input) };
  }

  #set(key: string, value: unknown): void {
    this.#block = { ...this.#block, [key]: value };
  }
}

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const added = (known: unknown, more: unknown): unknown => (typeof known === "string" && typeof more === "string" ? known + more : more);

function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return { invalid_json: input };
  }
}
