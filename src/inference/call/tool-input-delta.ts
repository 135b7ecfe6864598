/** A piece of a tool's input whose preview is parsed only when somebody looks at it. */
import type { ToolInputDelta } from "#contract/chat/generation";
import { previewJson } from "#contract/chat/partial-json";

export class ToolInputPiece implements ToolInputDelta {
  readonly type = "tool-input-delta";
  readonly id: string;
  readonly delta: string;
  readonly #soFar: string;

  constructor(id: string, delta: string, soFar: string) {
    this.id = id;
    this.delta = delta;
    this.#soFar = soFar;
  }

  get preview(): unknown {
    return previewJson(this.#soFar);
  }
}
