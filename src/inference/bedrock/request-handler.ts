/** HTTP for an endpoint of the user's own: HTTP/1.1 as proxies and fakes speak it, and HTTP/2 once the peer has said that it speaks that alone. */
import type { NodeHttp2Handler, NodeHttpHandler } from "@smithy/node-http-handler";

type Handle = NodeHttpHandler["handle"];

/** The subset of the SDK's handlers that is used. */
interface HttpHandler {
  handle: Handle;
  destroy(): void;
}

/** Silence is watched by the client; the SDK would end a session after five minutes of it. */
export const HTTP2_OPTIONS = { disableConcurrentStreams: true, sessionTimeout: 86_400_000 };

export class CustomEndpointHandler implements HttpHandler {
  /** As it signs: with `host`, which HTTP/2 takes too. */
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #http1: HttpHandler;
  readonly #http2: HttpHandler;
  #speaksHttp2 = false;

  constructor(handlers: { NodeHttpHandler: typeof NodeHttpHandler; NodeHttp2Handler: typeof NodeHttp2Handler }) {
    // Streams that wait for one of 50 sockets would look like a silent service.
    this.#http1 = new handlers.NodeHttpHandler({ httpAgent: { maxSockets: Infinity }, httpsAgent: { maxSockets: Infinity } });
    this.#http2 = new handlers.NodeHttp2Handler(HTTP2_OPTIONS);
  }

  async handle(...request: Parameters<Handle>): ReturnType<Handle> {
    if (this.#speaksHttp2) return this.#http2.handle(...request);
    try {
      return await this.#http1.handle(...request);
    } catch (error) {
      if (!isHttp2Preface(error)) throw error;
      this.#speaksHttp2 = true;
      return this.#http2.handle(...request);
    }
  }

  destroy(): void {
    this.#http1.destroy();
    this.#http2.destroy();
  }

  /** The SDK sets timeouts here; silence is watched by the client. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** A server of HTTP/2 answers anything with a SETTINGS frame on stream 0, which is no HTTP/1.1; nothing was asked of it yet. */
function isHttp2Preface(error: unknown): boolean {
  const { code, rawPacket } = error as { code?: unknown; rawPacket?: unknown };
  if (code !== "HPE_INVALID_CONSTANT" || !(rawPacket instanceof Uint8Array)) return false;
  return rawPacket.length >= 9 && rawPacket[3] === 4 && rawPacket.subarray(5, 9).every((byte) => byte === 0);
}
