/** The keys that a request went out with, wherever the client or its SDK has them from: an option, the environment, a sign-in. */
import { isSecretUnder } from "../contract/secrets.ts";

/** What is secret of a request's headers, with and without the scheme before it, such as "Bearer". */
export function secretsIn(headers: HeadersInit | undefined): string[] {
  return [...new Headers(headers)].flatMap(([name, value]) => {
    if (!isSecretUnder(name, value)) return [];
    const [, key] = /^\S+\s+(\S+)$/.exec(value) ?? [];
    return key === undefined ? [value] : [value, key];
  });
}
