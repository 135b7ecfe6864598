/** Which call a piece of a tool's input belongs to: servers tell it by id, by index, by position, by the name alone, or wrongly. */
import type { GenerationSink } from "#contract/chat/wire";

/** A call, or a piece of one. */
export interface RawCall {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: unknown } | null;
  /** Gemini's signature of the call, by its maker's compatible server. */
  extra_content?: unknown;
}

interface Slot {
  key: string;
  index: number | undefined;
  id: string | undefined;
  /** Absent until it is told: some servers begin with the input. */
  name: string | undefined;
  /** The input's text so far. */
  input: string;
  isValue: boolean;
  extra?: unknown;
}

export class ToolSlots {
  readonly #into: GenerationSink;
  readonly #slots: Slot[] = [];

  constructor(into: GenerationSink) {
    this.#into = into;
  }

  /** The calls of one chunk. */
  take(calls: readonly RawCall[]): void {
    calls.forEach((call, position) => {
      // Where several come at once, their places tell them apart.
      const index = typeof call.index === "number" ? call.index : calls.length > 1 ? position : undefined;
      const id = call.id || undefined;
      const name = call.function?.name || undefined;
      const slot = this.#find(index, id, name) ?? this.#open(index);
      slot.id ??= id;
      if (slot.name === undefined && name !== undefined) this.#start(slot, name);
      slot.extra ??= call.extra_content ?? undefined;
      if (slot.name !== undefined && slot.extra !== undefined) this.#into.native(slot.key, "tool-use", { extra_content: slot.extra });
      this.#add(slot, call.function?.arguments);
    });
  }

  /** @param reason why the answer ended: one that was cut off may lack anything */
  close(reason: string): void {
    if (reason === "length" || this.#slots.every(({ name }) => name !== undefined)) return;
    this.#into.fail({ kind: "retryable", reason: "a tool call without a name" });
  }

  #find(index: number | undefined, id: string | undefined, name: string | undefined): Slot | undefined {
    const isThere = (slot: Slot): boolean => index === undefined || slot.index === undefined || slot.index === index;
    const same = id === undefined ? undefined : this.#slots.findLast((slot) => slot.id === id && isThere(slot));
    if (same !== undefined) return same;
    const slot = index === undefined ? this.#slots.at(-1) : this.#slots.findLast((entry) => entry.index === index);
    if (slot === undefined) return undefined;
    // One index for all calls: another id, or another name, is another call.
    if (id !== undefined && (slot.id !== undefined || index === undefined)) return undefined;
    if (name !== undefined && slot.name !== undefined && (name !== slot.name || isWhole(slot))) return undefined;
    return slot;
  }

  #open(index: number | undefined): Slot {
    const before = this.#slots.at(-1);
    // Pieces of several calls may come in turns; one whose input is whole gets no more.
    if (before?.name !== undefined && isWhole(before)) this.#into.end(before.key);
    const slot: Slot = { key: `call ${this.#slots.length}`, index, id: undefined, name: undefined, input: "", isValue: false };
    this.#slots.push(slot);
    return slot;
  }

  #start(slot: Slot, name: string): void {
    slot.name = name;
    this.#into.toolStart(slot.key, { ...(slot.id === undefined ? {} : { id: slot.id }), name });
    this.#into.toolInput(slot.key, slot.input);
  }

  #add(slot: Slot, input: unknown): void {
    if (input === undefined || input === null || input === "") return;
    if (typeof input !== "string") {
      slot.isValue = true;
      slot.input = JSON.stringify(input);
      if (slot.name !== undefined) this.#into.toolValue(slot.key, input);
      return;
    }
    slot.input += input;
    if (slot.name !== undefined) this.#into.toolInput(slot.key, input);
  }
}

function isWhole({ input, isValue }: Slot): boolean {
  if (isValue) return true;
  if (!input.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(input);
    return true;
  } catch {
    return false;
  }
}
