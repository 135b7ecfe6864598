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
  /** Absent until it is told: some servers begin with the input, and some tell it in pieces. */
  name: string | undefined;
  /** Whether it was told of: as soon as its name is known to be whole. */
  isStarted: boolean;
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
      slot.extra ??= call.extra_content ?? undefined;
      if (slot.isStarted && slot.extra !== undefined) this.#into.native(slot.key, "tool-use", { extra_content: slot.extra });
      this.#grow(slot, call.function);
    });
  }

  /** A piece of the one call that an answer could have before there were several. */
  takeOnly(call: RawCall["function"]): void {
    this.#grow(this.#slots[0] ?? this.#open(0), call);
  }

  /** @param reason why the answer ended: one that was cut off may lack anything */
  close(reason: string): void {
    for (const slot of this.#slots) this.#start(slot);
    if (reason === "length" || this.#slots.every(({ name }) => name !== undefined)) return;
    this.#into.fail({ kind: "retryable", reason: "a tool call without a name" });
  }

  #find(index: number | undefined, id: string | undefined, name: string | undefined): Slot | undefined {
    const isThere = (slot: Slot): boolean => index === undefined || slot.index === undefined || slot.index === index;
    const same = id === undefined ? undefined : this.#slots.findLast((slot) => slot.id === id && isThere(slot));
    if (same !== undefined) return same;
    const slot = index === undefined ? this.#slots.at(-1) : this.#slots.findLast((entry) => entry.index === index);
    if (slot === undefined) return id === undefined && name === undefined ? this.#unfinished() : undefined;
    // One index for all calls: another id, or another name, is another call.
    if (id !== undefined && (slot.id !== undefined || index === undefined)) return undefined;
    if (name !== undefined && slot.name !== undefined && !isMoreOf(slot, name)) return undefined;
    // Its own index may have drifted to that of one that is whole.
    return id === undefined && name === undefined && isWhole(slot) ? (this.#unfinished() ?? slot) : slot;
  }

  /** A piece that says nothing of itself goes on with the call that was told of last. */
  #unfinished(): Slot | undefined {
    const last = this.#slots.at(-1);
    return last?.name !== undefined && !isWhole(last) ? last : undefined;
  }

  #open(index: number | undefined): Slot {
    const before = this.#slots.at(-1);
    if (before !== undefined) this.#start(before);
    // Pieces of several calls may come in turns; one whose input is whole gets no more.
    if (before?.name !== undefined && isWhole(before)) this.#into.end(before.key);
    const slot: Slot = {
      key: `call ${this.#slots.length}`,
      index,
      id: undefined,
      name: undefined,
      isStarted: false,
      input: "",
      isValue: false,
    };
    this.#slots.push(slot);
    return slot;
  }

  #start(slot: Slot): void {
    const { key, id, name, extra } = slot;
    if (name === undefined || slot.isStarted) return;
    slot.isStarted = true;
    this.#into.toolStart(key, { ...(id === undefined ? {} : { id }), name });
    if (extra !== undefined) this.#into.native(key, "tool-use", { extra_content: extra });
    if (slot.isValue) this.#into.toolValue(key, JSON.parse(slot.input));
    else this.#into.toolInput(key, slot.input);
  }

  #grow(slot: Slot, call: RawCall["function"]): void {
    const { name, arguments: input } = call ?? {};
    if (name && !slot.isStarted) slot.name = joined(slot.name ?? "", name);
    if (input === undefined || input === null || input === "") return;
    if (typeof input !== "string") {
      slot.isValue = true;
      slot.input = JSON.stringify(input);
    } else if (slot.isStarted) {
      slot.input += input;
      this.#into.toolInput(slot.key, input);
    } else slot.input += input;
    // A name ends where its input begins.
    this.#start(slot);
  }
}

/** Where calls have ids, a piece without one goes on with the name, as long as nothing of the input was told. */
const isMoreOf = (slot: Slot, name: string): boolean => (name === slot.name ? !isWhole(slot) : slot.id !== undefined && slot.input === "");

/** Some tell the whole name with each piece. */
const joined = (known: string, more: string): string => (more.startsWith(known) ? more : known + more);

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
