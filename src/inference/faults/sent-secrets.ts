/** The keys that a request went out with, wherever the client or its SDK has them from: an option, the environment, a sign-in. */
import { isSecretUnder } from "#contract/base/secrets";
import type { SentHeaders } from "#contract/chat/wire";

/** What is secret of a request's headers, with and without the scheme before it, such as "Bearer". */
export function secretsIn(headers: SentHeaders): string[] {
  // Those of HTTP/2 are none to the platform's `Headers`.
  const entries: Iterable<[string, string] | readonly string[]> =
    typeof headers === "object" && Symbol.iterator in headers ? headers : Object.entries(headers ?? {});
  return [...entries].flatMap(([name = "", value]) => {
    if (typeof value !== "string" || !isSecretUnder(name, value)) return [];
    const [, key] = /^\S+\s+(\S+)$/.exec(value) ?? [];
    return key === undefined ? [value] : [value, key];
  });
}
