/** A model of the AI SDK behind the port of a wire: its provider's package sends, and reads what comes. */
import type { FileBlock, ProviderBlock } from "#contract/chat/message";
import type { JsonSchema } from "#contract/chat/schema";
import type { GenerationSink, ModelRequest, SchemaFit, Wire, WireCall } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { MAX_RESPONSE_BYTES } from "#inference/call/call-settings";
import type { Capabilities } from "#inference/request/capabilities";
import { headersOf, toFault } from "./errors.ts";
import { readResponse } from "./from-response.ts";
import { readEvents } from "./from-stream.ts";
import { partIn } from "./kept-part.ts";
import type { AiSdkClientOptions, AiSdkModel, AiSdkStreamLike } from "./options.ts";
import { factsOf, type ProviderFacts } from "./providers.ts";
import { toCall } from "./to-call.ts";

export class AiSdkWire implements Wire {
  readonly provider: string;
  readonly #model: AiSdkModel;
  readonly #facts: ProviderFacts;
  readonly #maxLength: number;
  readonly #who: string;

  constructor({ model, maxResponseBytes = MAX_RESPONSE_BYTES }: AiSdkClientOptions) {
    this.#model = model;
    this.#facts = factsOf(model);
    this.provider = this.#facts.name;
    this.#maxLength = maxResponseBytes;
    this.#who = `${this.provider} ${model.modelId}`;
  }

  get capabilities(): Partial<Capabilities> {
    return this.#facts.capabilities;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const result = await this.#model.doGenerate(this.#callOf(request, call));
    tellHeaders(result, call);
    return result;
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const result = await this.#model.doStream(this.#callOf(request, call));
    tellHeaders(result, call);
    return eventsOf(result.stream, this.#maxLength);
  }

  readResponse(response: unknown, into: GenerationSink): void {
    readResponse(response, into, this.#who);
  }

  readEvents(into: GenerationSink): (event: unknown) => void {
    return readEvents(into, this.#who);
  }

  toFault = toFault;

  schemaFit(schema: JsonSchema): SchemaFit {
    return this.#facts.schemaFit?.(schema) ?? "held";
  }

  takesBack(block: ProviderBlock | FileBlock): boolean {
    return block.type === "file" || partIn(block.value) !== undefined;
  }

  /** The package has keys of its own, which nobody sees here; those that the caller gives are known. */
  #callOf(request: ModelRequest, wireCall: WireCall): object {
    const call = toCall(request, this.#facts, this.#model.specificationVersion);
    wireCall.onRequest(headersOf(call.headers));
    return { ...call, abortSignal: wireCall.signal };
  }
}

function tellHeaders(result: { response?: { headers?: Record<string, string> } }, call: WireCall): void {
  const { headers } = result.response ?? {};
  if (headers !== undefined) call.onHeaders(200, headersOf(headers));
}

/** Read by its reader: `for await` of a stream costs more, and its end by `return` waits for what was aborted. */
function eventsOf(stream: AiSdkStreamLike, maxLength: number): AsyncIterable<unknown> {
  const reader = stream.getReader();
  let length = 0;
  let isOver = false;
  return {
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<unknown>> {
        const { done, value } = isOver ? { done: true } : await reader.read();
        if (done) return { done: true, value: undefined };
        const { type, delta } = (value ?? {}) as { type?: unknown; delta?: unknown };
        isOver = type === "finish";
        if (typeof delta === "string") length += delta.length;
        if (length > maxLength) throw tooLong(maxLength);
        return { done: false, value };
      },
      async return() {
        await reader.cancel();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** The bytes are the package's own to see; these are what it makes of them. */
const tooLong = (maxLength: number): WireFault =>
  new WireFault({
    kind: "final",
    code: "hostile-response",
    detail: `the answer has more than ${maxLength} characters; raise maxResponseBytes if it should`,
    isOwnDetail: true,
  });
