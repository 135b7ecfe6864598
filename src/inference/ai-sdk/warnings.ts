/** What a provider's package could not do as it was asked, in the words of a warning; versions of the specification tell it in different ways. */
import type { GenerationSink } from "#contract/chat/wire";

interface RawWarning {
  type?: unknown;
  feature?: unknown;
  setting?: unknown;
  tool?: { name?: unknown };
  details?: unknown;
  message?: unknown;
}

/** @param who the provider and the model */
export function warnAll(warnings: unknown, who: string, into: GenerationSink): void {
  if (Array.isArray(warnings)) for (const warning of warnings) into.warn(`${who}, by the AI SDK: ${textOf((warning ?? {}) as RawWarning)}`);
}

function textOf({ type, feature, setting, tool, details, message }: RawWarning): string {
  const what = [feature, setting, tool?.name].find((name) => typeof name === "string");
  const why = [details, message].find((text) => typeof text === "string");
  const kind = typeof type === "string" ? type : "other";
  if (what === undefined) return String(why ?? kind);
  return `${kind} ${what}${why === undefined ? "" : `: ${why}`}`;
}
