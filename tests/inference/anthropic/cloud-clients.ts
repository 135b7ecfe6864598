/** Clients of Claude on other clouds, built as Anthropic's packages for them are: subclasses that need a place, send each request to the cloud's own address, and make events of its frames. */
import Anthropic, { type ClientOptions, type Middleware } from "@anthropic-ai/sdk";
import { EVENT_STREAM, framesOf } from "../../support/event-stream.ts";
import type { Json } from "./messages-server.ts";

type Request = Parameters<Middleware>[0];
type CopyOptions = Partial<ClientOptions>;

const parsed = (request: Request): Json => JSON.parse(String(request.body)) as Json;

/** As `@anthropic-ai/bedrock-sdk` does: InvokeModel, whose stream is frames. */
export class BedrockLike extends Anthropic {
  readonly #region: string;

  constructor({ awsRegion, ...options }: ClientOptions & { awsRegion?: string }) {
    if (awsRegion === undefined) throw new Error("Expected a region.");
    super(options);
    this.#region = awsRegion;
  }

  override withOptions(options: CopyOptions): this {
    return super.withOptions({ awsRegion: this.#region, ...options } as CopyOptions);
  }

  protected override backendMiddleware(): Middleware[] {
    return [
      async (request, next) => {
        const { model, stream, ...rest } = parsed(request);
        const headers = new Headers(request.headers);
        headers.set("authorization", `AWS4-HMAC-SHA256 in ${this.#region}`);
        const url = request.url.replace(
          "/v1/messages",
          `/model/${encodeURIComponent(String(model))}/invoke${stream ? "-with-response-stream" : ""}`,
        );
        const body = JSON.stringify({ ...rest, anthropic_version: headers.get("anthropic-version") });
        const response = await next({ ...request, url, headers, body });
        return response.headers.get("content-type") === EVENT_STREAM ? eventsOf(response) : response;
      },
    ];
  }
}

function eventsOf(response: Response): Response {
  const lines = eventLines(response.body as unknown as AsyncIterable<Uint8Array>);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(new TextEncoder().encode(value));
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

/** An exception ends the stream as an event of an error does. */
async function* eventLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  for await (const { headers, payload } of framesOf(body)) {
    const told = JSON.parse(payload.toString()) as { bytes?: string; message?: string };
    const type = headers[":exception-type"];
    const event: Json = type === undefined ? JSON.parse(atob(told.bytes ?? "")) : { type: "error", error: { type, message: told.message } };
    if (event.type !== undefined) yield `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }
}

/** As `@anthropic-ai/vertex-sdk` does: another address, and a token that Google gave. */
export class VertexLike extends Anthropic {
  readonly #place: { region: string; projectId: string; token: () => Promise<string> };

  constructor({ place, ...options }: ClientOptions & { place?: { region: string; projectId: string; token: () => Promise<string> } }) {
    if (place === undefined) throw new Error("Expected a region.");
    super({ ...options, apiKey: null, authToken: null });
    this.#place = place;
  }

  override withOptions(options: CopyOptions): this {
    return super.withOptions({ place: this.#place, ...options } as CopyOptions);
  }

  protected override validateHeaders(): void {}

  protected override backendMiddleware(): Middleware[] {
    return [
      async (request, next) => {
        const { region, projectId, token } = this.#place;
        const { model, ...rest } = parsed(request);
        const headers = new Headers(request.headers);
        headers.set("authorization", `Bearer ${await token()}`);
        const path = `/projects/${projectId}/locations/${region}/publishers/anthropic/models/${model}`;
        const url = request.url.replace("/v1/messages", `${path}:${rest.stream === true ? "streamRawPredict" : "rawPredict"}`);
        return next({ ...request, url, headers, body: JSON.stringify(rest) });
      },
    ];
  }
}
