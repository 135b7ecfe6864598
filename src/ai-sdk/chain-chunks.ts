/** A chain, or one streamed answer, as chunks. */
import type { FinishReason, StreamPart } from "#contract/chat/generation";
import type { ChainPart } from "#contract/chat/tool-chain";
import type { UiMessageChunk } from "./chunks.ts";
import type { ErrorWords } from "./error-words.ts";
import { MessageIds, ShownAnswer } from "./shown-answer.ts";

export class ChainChunks {
  readonly #tell: (chunk: UiMessageChunk) => void;
  readonly #answer: ShownAnswer;
  #isInStep = false;
  #finishReason: FinishReason | undefined;

  constructor(tell: (chunk: UiMessageChunk) => void, words: ErrorWords) {
    this.#tell = tell;
    this.#answer = new ShownAnswer("chain", new MessageIds(), { tell, words });
  }

  take(part: ChainPart | StreamPart): void {
    if (part.type === "step-end") {
      this.#finishReason = part.finishReason;
      return this.#answer.close();
    }
    // Its tools belong to a step, which ends when the next one begins.
    if (part.type === "step-start") return this.#startStep();
    if (!this.#isInStep) this.#startStep();
    if (part.type === "tool-progress") {
      const toolCallId = this.#answer.callId(part.id);
      return this.#tell({ type: "data-tool-progress", id: toolCallId, data: { toolCallId, toolName: part.name, event: part.event } });
    }
    if (part.type === "finish") this.#finishReason = part.finishReason;
    this.#answer.take(part);
  }

  /** Ends what is open. @returns why the last answer ended */
  close(): FinishReason["unified"] | undefined {
    this.#answer.close();
    this.#endStep();
    return this.#finishReason?.unified;
  }

  #startStep(): void {
    this.#endStep();
    this.#isInStep = true;
    this.#tell({ type: "start-step" });
  }

  #endStep(): void {
    if (this.#isInStep) this.#tell({ type: "finish-step" });
    this.#isInStep = false;
  }
}
