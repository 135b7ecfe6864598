/** The headers of an answer as whoever asked gets them: all but what would let somebody in. */
import { isSecretUnder, maskText } from "#contract/base/secrets";

/** Their values are counts and times, whatever the name ends with. */
const LIMITS = /rate-?limit/;
/** What local servers take for a key may be a letter, which is everywhere. */
const MIN_SECRET = 4;

/** @param secrets what the request was sent with: a server may repeat it. @returns by lower-case name */
export function answerHeaders(headers: Headers, secrets: readonly string[]): Record<string, string> {
  const isShown = (name: string, value: string): boolean =>
    (LIMITS.test(name) || !isSecretUnder(name, value)) &&
    maskText(value) === value &&
    !secrets.some((secret) => secret.length >= MIN_SECRET && value.includes(secret));
  const shown: [string, string][] = [];
  headers.forEach((value, name) => {
    if (isShown(name, value)) shown.push([name, value]);
  });
  return Object.fromEntries(shown);
}
