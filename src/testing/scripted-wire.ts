/** The wire of the scripted client: nothing leaves the process, and what a provider would send comes from the script. */
import { type ChatMessage, type ContentBlock, textOfResult } from "#contract/chat/message";
import type { Fault, GenerationSink, ModelRequest, Wire, WireCall, WireMessage } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { retryAfterOf } from "#inference/faults/retry";
import { type Answer, type AnswerStep, pacedSteps, stepsOf, untilAnswer } from "./answer.ts";
import type { ScriptedError, ScriptRequest } from "./script.ts";
import type { ScriptReader } from "./script-reader.ts";

/** One call as the model was asked, after what the client does to it; copied, so that later changes do not show. */
export interface ScriptedCall extends ScriptRequest {
  readonly messages: readonly ChatMessage[];
  /** All but the messages: tools, tool choice, limits. */
  readonly options: Omit<ModelRequest, "system" | "messages">;
}

/** An answer, or a step of one with the answer that it is of. */
interface ScriptedEvent {
  answer: Answer;
  step: AnswerStep;
}

export class ScriptedWire implements Wire {
  readonly provider: string;
  readonly calls: ScriptedCall[] = [];
  readonly #reader: ScriptReader<ScriptedCall>;

  constructor(provider: string, reader: ScriptReader<ScriptedCall>) {
    this.provider = provider;
    this.#reader = reader;
  }

  async send(request: ModelRequest, call: WireCall): Promise<Answer> {
    const answer = await this.#answer(request, false, call);
    if (answer.error !== undefined) throw new WireFault(refusalOf(answer.error, answer));
    return answer;
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<ScriptedEvent>> {
    const answer = await this.#answer(request, true, call);
    if (answer.error !== undefined && answer.error.after === undefined) throw new WireFault(refusalOf(answer.error, answer));
    return eventsOf(answer, call.signal, call.onByte);
  }

  readResponse(response: unknown, into: GenerationSink): void {
    const answer = response as Answer;
    const read = this.readEvents(into);
    for (const step of stepsOf(answer)) read({ answer, step } satisfies ScriptedEvent);
  }

  readEvents(into: GenerationSink): (event: unknown) => void {
    return (event) => {
      const { answer, step } = event as ScriptedEvent;
      readStep(answer, step, into);
    };
  }

  toFault(): undefined {
    // Its own errors are faults already.
  }

  async #answer(request: ModelRequest, stream: boolean, { signal, onHeaders }: WireCall): Promise<Answer> {
    const call = record(request, stream, this.#reader.nextNumber);
    this.calls.push(call);
    const asked = call.messages.reduce((sum, message) => sum + textOfMessage(message).length, 0);
    const answer = await this.#reader.next(call, asked);
    await untilAnswer(answer, signal);
    const { error, headers } = answer;
    onHeaders(error === undefined || (stream && error.after !== undefined) ? 200 : (error.status ?? 500), new Headers(headers));
    return answer;
  }
}

async function* eventsOf(answer: Answer, signal: AbortSignal, onByte: () => void): AsyncGenerator<ScriptedEvent> {
  for await (const step of pacedSteps(answer, signal)) {
    onByte();
    yield { answer, step };
  }
}

function readStep(answer: Answer, step: AnswerStep, into: GenerationSink): void {
  switch (step.type) {
    case "open": {
      const { outputTokens: _output, reasoningTokens: _reasoning, cost: _cost, ...input } = answer.usage;
      into.responseId(`scripted_${answer.number}`);
      into.usage(input);
      break;
    }
    case "start":
      if (step.block.type === "tool-use") into.toolStart(step.index, { id: step.block.id, name: step.block.name });
      break;
    case "delta":
      if (step.block.type === "tool-use") into.toolInput(step.index, step.piece);
      else into[step.block.type](step.index, step.piece);
      break;
    case "end":
      if (step.block.type === "thinking") into.signature(step.index, step.block.signature);
      into.end(step.index);
      break;
    case "finish":
      into.usage(answer.usage);
      into.finish({ unified: answer.finish.unified, raw: answer.finish.raw ?? answer.finish.unified });
      break;
    case "fail":
      into.fail(faultOf(step.error));
  }
}

/** Of an error in place of an answer, whose headers may ask to wait. */
const refusalOf = (error: ScriptedError, { headers }: Answer): Fault => ({ ...retryAfterOf(new Headers(headers)), ...faultOf(error) });

function faultOf({ status = 500, reason, message, retryAfterMs }: ScriptedError): Fault {
  const isRetryable = status >= 500 || [408, 409, 429].includes(status);
  return {
    kind: reason === "context-length-exceeded" ? "context-length" : isRetryable ? "retryable" : "final",
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { detail: message }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function record({ system, messages, ...options }: ModelRequest, stream: boolean, number: number): ScriptedCall {
  const said = structuredClone([...system, ...messages]).map(chatMessage);
  const last = said.at(-1);
  const lastMessage = { role: last?.role ?? "", text: last === undefined ? "" : textOfMessage(last) };
  return { number, stream, lastMessage, messages: said, options: structuredClone(options) };
}

function chatMessage({ role, blocks, cacheMarker }: WireMessage): ChatMessage {
  const [first] = blocks;
  const isPlain = blocks.length === 1 && first?.type === "text" && first.native === undefined;
  return { role, content: isPlain ? first.text : [...blocks], ...(cacheMarker ? { cacheMarker } : {}) };
}

function textOfMessage({ content }: ChatMessage): string {
  return typeof content === "string"
    ? content
    : content
        .map(textOfBlock)
        .filter((text) => text !== "")
        .join("\n");
}

function textOfBlock(block: ContentBlock): string {
  return block.type === "text" ? block.text : block.type === "tool-result" ? textOfResult(block.content) : "";
}
