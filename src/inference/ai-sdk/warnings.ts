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

export function warnAll(warnings: unknown, into: GenerationSink): void {
  if (Array.isArray(warnings)) for (const warning of warnings) into.warn(textOf((warning ?? {}) as RawWarning));
}

function textOf({ type, feature, setting, tool, details, message }: RawWarning): string {
  const what = [feature, setting, tool?.name].find((name) => typeof name === "string");
  const why = [details, message].find((text) => typeof text === "string");
  const kind = typeof type === "string" ? type : "other";
  return `The AI SDK's provider warns: ${what === undefined ? "" : `${kind} ${what}`}${what !== undefined && why !== undefined ? ": " : ""}${why ?? (what === undefined ? kind : "")}`;
}
