/** What comes of structured output while its text streams: the JSON so far, as far as it can be read. */
import { previewJson } from "./partial-json.ts";

interface AnyPart {
  readonly type: string;
  readonly text?: string;
}

/** Each preview reads all that came: where one follows when the text has grown by this part of itself, all of them together cost a fixed multiple of one. */
const GROWTH = 1 / 64;
/** Of models that wrap JSON as Markdown does code. */
const FENCE = /^\s*```(?:json)?\s/;

/** For one stream. @returns what of a part is a preview; `undefined` for all that changes nothing worth a look */
export function outputPreviews(): (part: AnyPart) => unknown {
  let text = "";
  let shown = 0;
  const preview = (): unknown => {
    if (text.length === shown) return undefined;
    shown = text.length;
    return previewJson(text.replace(FENCE, ""));
  };
  return ({ type, text: delta = "" }) => {
    switch (type) {
      // Of a chain: the answer is that of its last step.
      case "step-start":
        text = "";
        shown = 0;
        return undefined;
      case "text-delta":
        text += delta;
        return text.length - shown > shown * GROWTH ? preview() : undefined;
      case "text-end":
        return preview();
      default:
        return undefined;
    }
  };
}
