/** A provider's own words, made fit to be shown: short, without keys, and without anything that was said to the model. */
import { maskText, REDACTED } from "#contract/base/secrets";
import { textOfResult } from "#contract/chat/message";
import type { ModelRequest, WireBlock } from "#contract/chat/wire";
import { SHORTEST_PIECE, saidLengths } from "./said-lengths.ts";

const MAX_DETAIL = 300;
/** Long enough to find a key that the cut would go through; a server may send megabytes. */
const MAX_READ = 4000;
/** What local servers take for a key may be a letter, which is everywhere. */
const MIN_SECRET = 4;
/** Shorter words are everyone's. */
const MIN_WORD = SHORTEST_PIECE;
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
  if (text.length < MIN_WORD) return text;
  const lower = text.toLowerCase();
  // A few letters grow when they are lower-cased; places would no longer fit then.
  if (lower.length !== text.length) return ELLIPSIS;
  const lengths = saidLengths(lower, wordsSaid(request));
  const hidden = new Uint8Array(text.length);
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{M}\p{N}_]+/gu)) {
    const end = index + word.length;
    if (word.length >= MIN_WORD && (lengths[end - 1] as number) >= word.length) hidden.fill(1, index, end);
  }
  for (const [at, length] of lengths.entries()) {
    if (length >= MIN_ECHO) hidden.fill(1, at + 1 - length, at + 1);
  }
  let shown = "";
  for (let at = 0; at < text.length; at++) {
    if (hidden[at] === 0) shown += text[at];
    else if (hidden[at - 1] !== 1) shown += ELLIPSIS;
  }
  return shown;
}

/** All text of a request, as it is and as JSON writes it. */
function* wordsSaid({ system, messages }: ModelRequest): Generator<string> {
  for (const { blocks } of [...system, ...messages]) {
    for (const block of blocks) {
      const lower = textOf(block).toLowerCase();
      yield lower;
      const escaped = JSON.stringify(lower).slice(1, -1);
      if (escaped !== lower) yield escaped;
    }
  }
}

function textOf(block: WireBlock): string {
  switch (block.type) {
    case "text":
    case "thinking":
      return block.text;
    case "tool-result":
      return textOfResult(block.content);
    case "tool-use":
      return JSON.stringify(block.input) ?? "";
    case "provider":
      return "";
    case "file":
      return [block.name, block.url, block.fileId].join("\n");
  }
}
