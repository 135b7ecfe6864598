/** Thoughts that a server without a parser of its own leaves in the text, between tags at its start: parted as they stream. */

const OPEN = "<think>";
const CLOSE = "</think>";

interface Told {
  say(text: string): void;
  think(text: string): void;
}

export class ThinkTags {
  readonly #told: Told;
  /** `gap`: white space after a thought is none of the answer's. */
  #state: "start" | "thought" | "gap" | "answer";
  /** What may yet turn out to be a tag. */
  #held = "";

  /** @param isOpened whether the thought has begun before the text does */
  constructor(told: Told, isOpened: boolean) {
    this.#told = told;
    this.#state = isOpened ? "thought" : "start";
  }

  take(text: string): void {
    switch (this.#state) {
      case "answer":
        this.#told.say(text);
        break;
      case "gap":
        if (text.trimStart() === "") break;
        this.#state = "answer";
        this.#told.say(text.trimStart());
        break;
      case "start":
        this.#begin(this.#held + text);
        break;
      case "thought":
        this.#think(this.#held + text);
    }
  }

  /** Tells what was held. */
  end(): void {
    const held = this.#held;
    this.#held = "";
    if (held !== "") this.#told[this.#state === "thought" ? "think" : "say"](held);
  }

  #begin(text: string): void {
    const told = text.trimStart();
    this.#held = "";
    if (told.startsWith(OPEN)) {
      this.#state = "thought";
      this.#think(told.slice(OPEN.length));
    } else if (OPEN.startsWith(told)) this.#held = text;
    else {
      this.#state = "answer";
      this.#told.say(text);
    }
  }

  #think(text: string): void {
    const end = text.indexOf(CLOSE);
    const thought = end < 0 ? text.slice(0, text.length - heldAt(text)) : text.slice(0, end);
    this.#held = end < 0 ? text.slice(thought.length) : "";
    if (thought !== "") this.#told.think(thought);
    if (end < 0) return;
    this.#state = "gap";
    this.take(text.slice(end + CLOSE.length));
  }
}

/** How much of the end of a text may be the start of the closing tag. */
function heldAt(text: string): number {
  for (let length = Math.min(CLOSE.length - 1, text.length); length > 0; length--) if (text.endsWith(CLOSE.slice(0, length))) return length;
  return 0;
}
