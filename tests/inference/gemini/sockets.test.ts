import { getEventListeners } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import type { InferenceStream } from "../../../src/contract/generation.ts";
import type { WireServer } from "../../support/wire-server.ts";
import { answer, CLIENTS, chunk, end, HELLO, PATIENT, refuse, send, sendAll, serve } from "./gemini-server.ts";

const HALF = chunk([{ text: "Hi" }]);
const endless = (): Promise<WireServer> => serve((_request, response) => send(response, HALF));

async function firstText(stream: InferenceStream): Promise<string | undefined> {
  for await (const piece of stream.text) return piece;
  return undefined;
}

describe.each(CLIENTS)("a connection of $name", ({ clientOf }) => {
  it("is closed when the reader leaves", async () => {
    const server = await endless();
    expect(await firstText(clientOf(server.url).stream(HELLO))).toBe("Hi");
    await server.requests[0]?.closed;
  });

  it("is closed by an abort in the middle, which is no silent end", async () => {
    const server = await endless();
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _text of clientOf(server.url).stream(HELLO, { signal: controller.signal }).text) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError", code: "aborted", partial: [{ type: "text", text: "Hi" }] });
    await server.requests[0]?.closed;
  });

  it("is closed by an abort before the answer", async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort());
    const { signal } = controller;
    await expect(clientOf(server.url).generate(HELLO, { signal })).rejects.toMatchObject({ name: "AbortError", code: "aborted" });
    await server.requests[0]?.closed;
  });

  it("is closed by an abort in the middle of a whole answer", async () => {
    const controller = new AbortController();
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"candidates":', () => controller.abort());
    });
    const { signal } = controller;
    await expect(clientOf(server.url).generate(HELLO, { signal })).rejects.toMatchObject({ code: "aborted" });
    await server.requests[0]?.closed;
  });

  it("is not made under a signal that is aborted already", async () => {
    const server = await endless();
    const client = clientOf(server.url);
    const signal = AbortSignal.abort();
    await expect(client.generate(HELLO, { signal })).rejects.toMatchObject({ name: "AbortError" });
    await expect(client.stream(HELLO, { signal }).result).rejects.toMatchObject({ name: "AbortError" });
    expect(server.requests).toHaveLength(0);
  });

  it("is not made again after an abort between two attempts", async () => {
    const controller = new AbortController();
    const server = await serve((request, response) => {
      refuse(response, 503, "UNAVAILABLE", "No.", [{ "@type": "RetryInfo", retryDelay: "60s" }]);
      void request.closed.then(() => controller.abort());
    });
    const calling = clientOf(server.url, { retry: PATIENT }).generate(HELLO, { signal: controller.signal });
    await expect(calling).rejects.toMatchObject({ code: "aborted" });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["before the answer", () => serve(() => {})],
    ["in the middle of it", endless],
  ])("is closed after a silence %s", async (_when, silent) => {
    const server = await silent();
    const reading = clientOf(server.url).stream(HELLO, { idleTimeoutMs: 100 }).result;
    await expect(reading).rejects.toMatchObject({ code: "stream-idle", retryable: true });
    await server.requests[0]?.closed;
  });

  it("may break in the middle of a stream, which leaves no rejection that nobody awaits", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => {
      unhandled.push(reason);
    };
    process.on("unhandledRejection", listener);
    onTestFinished(() => {
      process.off("unhandledRejection", listener);
    });
    const first = Promise.withResolvers<void>();
    const server = await serve(async (_request, response) => {
      send(response, HALF);
      await first.promise;
      response.destroy();
    });
    const reading = (async () => {
      for await (const _text of clientOf(server.url).stream(HELLO).text) first.resolve();
    })();
    await expect(reading).rejects.toMatchObject({ code: "network", retryable: true, partial: [{ type: "text", text: "Hi" }] });
    // What nobody awaits is told after all promises of a turn.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  it("leaves no listener on a signal that lives on, however its calls end", async () => {
    const server = await serve((_request, response, n) => {
      if (n % 5 === 0) send(response, HALF);
      else if (n % 5 === 1) sendAll(response, end([{ text: "Hi" }]));
      else if (n % 5 === 2) sendAll(response, HALF);
      else if (n % 5 === 3) refuse(response, 400, "INVALID_ARGUMENT");
      else answer(response);
    });
    const client = clientOf(server.url);
    const { signal } = new AbortController();
    for (let round = 0; round < 4; round++) {
      await firstText(client.stream(HELLO, { signal }));
      await client.stream(HELLO, { signal }).result;
      await expect(client.stream(HELLO, { signal }).result).rejects.toMatchObject({ code: "stream-truncated" });
      await expect(client.stream(HELLO, { signal }).result).rejects.toMatchObject({ code: "invalid-request" });
      await client.generate(HELLO, { signal });
    }
    expect(server.requests).toHaveLength(20);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
