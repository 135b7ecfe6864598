/** Which server it is, by its name or its address, and so how it departs from OpenAI's own API. */
import type { CompatibleServer, OpenAICompatibility } from "./compatibility.ts";
import { PROFILES } from "./profiles.ts";

/** What is known of the server, and what the user says in its place. @param host of the address */
export function compatibilityOf(
  given: CompatibleServer | OpenAICompatibility | undefined,
  host: string,
): { name: CompatibleServer | undefined; compatibility: Omit<OpenAICompatibility, "profile"> } {
  const { profile, ...own } = typeof given === "string" ? { profile: given } : (given ?? {});
  const name = profile ?? serverAt(host);
  const known = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { name, compatibility: { ...(name === undefined ? {} : PROFILES[name].compatibility), ...known } };
}

function serverAt(host: string): CompatibleServer | undefined {
  const names = Object.keys(PROFILES) as CompatibleServer[];
  return names.find((name) => PROFILES[name].hosts.some((known) => host === known || host.endsWith(`.${known}`)));
}
