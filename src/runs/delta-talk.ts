/** What is said beside a run of what its models answer: who wants to hear that, and what they answer. Nobody keeps it. */
import type { ModelDelta } from "#contract/run/model-delta";

/** Milliseconds after which a reader says again that it wants to hear. */
export const WANT_EACH_MS = 1_000;
/** Milliseconds for which an owner tells it after that. */
export const WANTED_MS = 3_000;

/** `wanted`: somebody wants to hear; `asked`: an owner begins to answer, and asks whether anybody does. */
export type DeltaTalk = { say: "wanted" } | { say: "asked" } | { say: "told"; deltas: readonly ModelDelta[] };

export const talkOf = (talk: DeltaTalk): string => JSON.stringify(talk);

/** Undefined for what another version says. */
export function readTalk(text: string): DeltaTalk | undefined {
  const talk = JSON.parse(text) as { say?: unknown; deltas?: unknown };
  if (talk.say === "wanted" || talk.say === "asked") return { say: talk.say };
  return talk.say === "told" && Array.isArray(talk.deltas) ? { say: "told", deltas: talk.deltas as ModelDelta[] } : undefined;
}
