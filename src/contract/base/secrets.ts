/** What looks like a secret: by the words of the key it stands under, or by the form of the text itself. */

export const REDACTED = "[redacted]";

/** Keys under which anything is secret. */
const SECRET_KEY = /\b(?:secrets?|pass(?:words?|wd|phrases?|codes?)|pwd|credentials?|authorization|cookies?|bearer|otp)\b/;

/** Keys under which text is secret and a number is a count, such as `tokens: 250`; `cacheKey`, `key` alone and the like are names. */
const SECRET_UNLESS_COUNT =
  /\b(?:api|access|private|secret|auth|session|refresh|security) ?(?:keys?|tokens?)\b|(?<!\b(?:cache|primary|foreign|partition|sort|idempotency|public) )\b(?:(?<!^)keys?|tokens?|auth|jwts?)$/;

/** Keys are data where an object is a dictionary: no more than this is looked at. */
const MAX_KEY_LENGTH = 256;

function wordsOf(key: string): string {
  return key
    .slice(0, MAX_KEY_LENGTH)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .replace(/[^a-z]+/g, " ")
    .trim();
}

function isCounts(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return typeof value === "number";
  const counts = Object.values(value);
  return counts.length > 0 && counts.every((entry) => typeof entry === "number");
}

/** Whether the value must not be shown under this key: `apiKey` and `X-Auth-Token` are secret by whole words, `monkey` is not. */
export function isSecretUnder(key: string, value: unknown): boolean {
  if (value === undefined || value === null || value === "" || typeof value === "boolean") return false;
  const words = wordsOf(key);
  return SECRET_KEY.test(words) || (SECRET_UNLESS_COUNT.test(words) && !isCounts(value));
}

/** Each by the form that its maker gives it. No pattern repeats a repetition, so that hostile text takes linear time. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\b(authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?:(?:basic|bearer|token)\s{1,4})?)[^\s"',;\\]{4,}/gi, `$1${REDACTED}`],
  [/\b(bearer\s{1,4})[\w.~+/-]{8,}={0,2}/gi, `$1${REDACTED}`],
  [/\bsk-[\w-]{8,}|\b[prs]k_(?:live|test)_\w{8,}/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z\d]{12,}/g, REDACTED],
  [/\bAIza[\w-]{20,}/g, REDACTED],
  [/\b(?:gh[opusr]_|github_pat_|glpat-|xox[abeprs]-|npm_|hf_)[\w-]{10,}/g, REDACTED],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?/g, REDACTED],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, REDACTED],
  [/\b([a-z][a-z\d+.-]{0,20}:\/\/)[^\s/@:]{0,256}:[^\s/@]{1,1024}@/gi, `$1${REDACTED}@`],
  [
    /((?:api[_-]?key|access[_-]?key|private[_-]?key|token|secret|password|passwd|pwd)\\?["']?\s{0,4}[=:]\s{0,4})(?!\d{1,12}\b|"?\[redacted\])(?:"[^"\n]{4,512}"|'[^'\n]{4,512}'|\\?["']?[^\s"'&,;\\]{4,})/gi,
    `$1${REDACTED}`,
  ],
];

/** The text with every secret in it masked. */
export function maskText(text: string): string {
  return SECRET_TEXTS.reduce((shown, [pattern, mask]) => shown.replace(pattern, mask), text);
}

/** No secret is longer that is known as one only by how it ends. */
const OVERLAP = 4_096;

/**
 * The beginning of a text with every secret in it masked, at least so long where nothing was masked, and how many characters are left out.
 * Where it breaks off, it shows no part of a secret that the break would hide from the masks; the time does not grow with what is left out.
 */
export function maskStart(text: string, length: number): { start: string; left: number } {
  if (text.length <= length + OVERLAP) return { start: maskText(text), left: 0 };
  const masked = maskText(text.slice(0, length + OVERLAP));
  const start = masked.slice(0, -OVERLAP);
  return { start, left: text.length - length - OVERLAP + masked.length - start.length };
}
