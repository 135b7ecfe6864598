/** A provider's own words, made fit to be shown: short, without keys, and without anything that was said to the model. */
import { maskText, REDACTED } from "#contract/base/secrets";
import type { ModelRequest } from "#contract/chat/wire";

const MAX_DETAIL = 300;
/** Long enough to find a key that the cut would go through; a server may send megabytes. */
const MAX_READ = 4000;
/** What local servers take for a key may be a letter, which is everywhere. */
const MIN_SECRET = 4;
/** Shorter words are everyone's. */
const MIN_WORD = 5;
/** As many characters in a row that were said to the model are no chance. */
const MIN_ECHO = 12;
const ELLIPSIS = "…";

/** Also marks that hide text or turn its direction. */
const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;
/** A key that the provider has masked itself still shows its ends. */
const HALF_MASKED = /[^\s"'`]*\*{3,}[^\s"'`]*/g;

/** @param secrets masked wherever they stand, in any case */
export function safeDetail(text: string, secrets: readonly string[], request: ModelRequest | undefined): string {
  let shown = text.slice(0, MAX_READ).replace(CONTROLS, " ");
  for (const secret of secrets) if (secret.length >= MIN_SECRET) shown = shown.replace(literal(secret), REDACTED);
  shown = maskText(shown).replace(HALF_MASKED, REDACTED);
  if (shown.length > MAX_DETAIL) shown = `${shown.slice(0, MAX_DETAIL - 1).replace(/[\ud800-\udbff]$/, "")}${ELLIPSIS}`;
  return (request === undefined ? shown : withoutEcho(shown, request)).trim();
}

const literal = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");

/** Replaces each word that the request holds, and longer pieces of it whatever they are made of. */
function withoutEcho(text: string, request: ModelRequest): string {
  const said = wordsSaid(request);
  const lower = text.toLowerCase();
  // A few letters grow when they are lower-cased; places would no longer fit then.
  if (lower.length !== text.length) return ELLIPSIS;
  const wasSaid = (from: number, to: number): boolean => said.some((piece) => piece.includes(lower.slice(from, to)));
  const hidden = new Uint8Array(text.length);
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{M}\p{N}_]+/gu)) {
    if (word.length >= MIN_WORD && wasSaid(index, index + word.length)) hidden.fill(1, index, index + word.length);
  }
  for (let at = 0; at + MIN_ECHO <= text.length; at++) {
    if (wasSaid(at, at + MIN_ECHO)) hidden.fill(1, at, at + MIN_ECHO);
  }
  let shown = "";
  for (let at = 0; at < text.length; at++) {
    if (hidden[at] === 0) shown += text[at];
    else if (hidden[at - 1] !== 1) shown += ELLIPSIS;
  }
  return shown;
}

/** All text of a request, as it is and as JSON writes it. */
function wordsSaid({ system, messages }: ModelRequest): string[] {
  const texts = [...system, ...messages].flatMap(({ blocks }) =>
    blocks.flatMap((block) => {
      if (block.type === "text" || block.type === "thinking") return [block.text];
      if (block.type === "tool-result") return [block.content];
      if (block.type === "tool-use") return [JSON.stringify(block.input) ?? ""];
      return "url" in block ? [block.url] : [];
    }),
  );
  return texts.flatMap((text) => {
    const lower = text.toLowerCase();
    const escaped = JSON.stringify(lower).slice(1, -1);
    return escaped === lower ? [lower] : [lower, escaped];
  });
}
