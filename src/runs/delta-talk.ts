/** What is said beside a run of what its models answer: who wants to hear that, and what they answer. Nobody keeps it. */
import { fromBase64, toBase64 } from "#contract/base/base64";
import type { ModelDelta } from "#contract/run/model-delta";
import type { Codec } from "#contract/store/run-options";
import { decoded, encoded } from "#contract/store/seal";

/** Milliseconds after which a reader says again that it wants to hear. */
export const WANT_EACH_MS = 1_000;
/** Milliseconds for which an owner tells it after that: longer than a busy process keeps its readers from saying so. */
export const WANTED_MS = 10_000;

/** `wanted`: somebody wants to hear; `asked`: an owner begins to answer, and asks whether anybody does. */
export type DeltaTalk = { say: "wanted" } | { say: "asked" } | { say: "told"; deltas: readonly ModelDelta[] };

/** @param codec of the store, for what a model answers as for all that users wrote */
export function talkOf(talk: DeltaTalk, codec: Codec | undefined): string {
  if (talk.say !== "told") return JSON.stringify(talk);
  const deltas = encoded(codec, JSON.stringify(talk.deltas));
  return JSON.stringify(typeof deltas === "string" ? talk : { ...talk, deltas: toBase64(deltas) });
}

const WANTED = talkOf({ say: "wanted" }, undefined);

/** What an owner wants to know of all that is said, its own deltas included: those are not read for it. */
export const isWanting = (text: string): boolean => text === WANTED;

/** Undefined for what another version says, or whoever has another codec. */
export function readTalk(text: string, codec: Codec | undefined): DeltaTalk | undefined {
  try {
    const { say, deltas } = JSON.parse(text) as { say?: unknown; deltas?: unknown };
    if (say === "wanted" || say === "asked") return { say };
    const told = typeof deltas === "string" ? JSON.parse(decoded(codec, fromBase64(deltas), "What was said")) : deltas;
    return say === "told" && Array.isArray(told) ? { say, deltas: told as ModelDelta[] } : undefined;
  } catch {
    return undefined;
  }
}
