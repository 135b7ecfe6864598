/** What an answer of Converse holds beside text, thoughts and tool calls: it is kept as JSON, so that the next request gives it back unchanged. */
import type { ContentBlock, ContentBlockDelta, ContentBlockStart } from "@aws-sdk/client-bedrock-runtime";
import { fromBase64, toBase64 } from "#contract/base/base64";

/** Where JSON has a text in place of bytes. */
const BYTES = "$base64";

/** The same as JSON. */
export function keep(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: toBase64(value) };
  return mapped(value, keep);
}

/** As it came. */
export function unkeep(value: unknown): unknown {
  const bytes = (value as { [BYTES]?: unknown } | null | undefined)?.[BYTES];
  return typeof bytes === "string" ? fromBase64(bytes) : mapped(value, unkeep);
}

function mapped(value: unknown, map: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, map(field)]));
}

/** A block of a stream that is not read, such as the call of a tool that Bedrock runs itself, or that tool's result. */
export class KeptBlock {
  readonly #start: ContentBlockStart;
  readonly #deltas: ContentBlockDelta[] = [];

  constructor(start: ContentBlockStart) {
    this.#start = start;
  }

  take(delta: ContentBlockDelta): void {
    this.#deltas.push(delta);
  }

  /** Of kinds that nobody knows there are the pieces alone: what they add up to is not known, so that it cannot go back. */
  value(): unknown {
    const { toolUse, toolResult } = this.#start;
    const deltas = this.#deltas;
    if (toolUse !== undefined) {
      const input = deltas.map((delta) => delta.toolUse?.input ?? "").join("");
      return keep({ toolUse: { ...toolUse, input: parsed(input) } });
    }
    if (toolResult !== undefined) {
      return keep({ toolResult: { ...toolResult, content: deltas.flatMap((delta) => delta.toolResult ?? []) } });
    }
    return { start: keep(this.#start), deltas: keep(deltas) };
  }
}

/** A kept block as Converse takes it. */
export function keptBlock(value: unknown): ContentBlock | undefined {
  return typeof value !== "object" || value === null || "deltas" in value ? undefined : (unkeep(value) as ContentBlock);
}

function parsed(input: string): unknown {
  try {
    return input === "" ? {} : JSON.parse(input);
  } catch {
    return { invalid_json: input };
  }
}
