/** An answer held against the schema of `output`. */
import { isDeeperThan, MAX_DEPTH } from "#contract/base/json";
import type { Generation } from "#contract/chat/generation";
import { textOf } from "#contract/chat/message";
import type { CompiledSchema } from "#contract/chat/schema";

/** The answer with its output, what is wrong with it, or what the schema's own check threw. */
export type Judged = { generation: Generation } | { faults: string } | { thrown: unknown };

export const NO_JSON = "it is no JSON";

export async function judgeOutput(generation: Generation, output: CompiledSchema): Promise<Judged> {
  // A turn that calls tools is not the answer yet.
  if (generation.finishReason.unified === "tool-calls") return { generation };
  const text = withoutFence(textOf(generation.blocks));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { faults: noJson(text) };
  }
  if (isDeeperThan(value, MAX_DEPTH)) return { faults: `it is nested deeper than ${MAX_DEPTH} levels` };
  try {
    const checked = await output.check(value);
    return "faults" in checked ? checked : { generation: { ...generation, output: checked.value } };
  } catch (error) {
    return { thrown: error };
  }
}

/** What came in place of JSON, without a word of it: the parser's own message holds a piece of the answer. */
function noJson(text: string): string {
  if (text === "") return `${NO_JSON}: there is no text in it`;
  const size = `${text.length} characters`;
  return /^[[{]/.test(text) ? `${NO_JSON}: ${size} that begin as JSON does, and are not whole` : `${NO_JSON}: ${size} of plain text`;
}

/** Models without native structured output like to wrap JSON as Markdown does code. */
function withoutFence(text: string): string {
  const trimmed = text.trim();
  return /^```(?:json)?\s([\s\S]*)```$/.exec(trimmed)?.[1] ?? trimmed;
}
