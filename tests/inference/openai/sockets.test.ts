import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { InferenceStream } from "../../../src/contract/generation.ts";
import { sse } from "../../support/wire-server.ts";
import { APIS, answer, clientOf, HELLO, hiStream, type Json, PATIENT, refuse, sendAll, serve } from "./openai-server.ts";

async function firstText(stream: InferenceStream): Promise<string | undefined> {
  for await (const piece of stream.text) return piece;
  return undefined;
}

describe.each(APIS)("a connection of OpenAI by %s", (api) => {
  const half = hiStream(api)[0] as Json;
  const type = typeof half.type === "string" ? half.type : undefined;

  it("breaks with the server", async () => {
    const server = await serve((_request, response) => sse(response).send(half, type));
    const reading = (async () => {
      for await (const piece of clientOf(server.url, { api }).stream(HELLO).text) {
        expect(piece).toBe("Hi");
        await server.close();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "network", retryable: true, partial: [{ type: "text", text: "Hi" }] });
  });

  it("is not made again after an abort between two attempts", async () => {
    const controller = new AbortController();
    const server = await serve((request, response) => {
      refuse(response, 503, {}, { "retry-after": "60" });
      void request.closed.then(() => controller.abort());
    });
    const calling = clientOf(server.url, { api, retry: PATIENT }).generate(HELLO, { signal: controller.signal });
    await expect(calling).rejects.toMatchObject({ code: "aborted" });
    expect(server.requests).toHaveLength(1);
  });

  it("is closed when its reader leaves, and leaves no listener on a signal that lives on, however its calls end", async () => {
    const server = await serve((request, response, n) => {
      if (n % 5 === 0) sse(response).send(half, type);
      else if (n % 5 === 2) sendAll(response, half);
      else if (n % 5 === 3) refuse(response, 400, {});
      else answer(request, response);
    });
    const client = clientOf(server.url, { api });
    const { signal } = new AbortController();
    for (let round = 0; round < 10; round++) {
      expect(await firstText(client.stream(HELLO, { signal }))).toBe("Hi");
      await server.requests.at(-1)?.closed;
      await client.stream(HELLO, { signal }).result;
      await expect(client.stream(HELLO, { signal }).result).rejects.toMatchObject({ code: "stream-truncated" });
      await expect(client.stream(HELLO, { signal }).result).rejects.toMatchObject({ code: "invalid-request" });
      await client.generate(HELLO, { signal });
    }
    expect(server.requests).toHaveLength(50);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
