import { describe, expect, it, onTestFinished } from "vitest";
import { CLIENTS, chunk, HELLO, send, serve } from "./gemini-server.ts";

const HALF = chunk([{ text: "Hi" }]);

describe.each(CLIENTS)("a connection of $name", ({ clientOf }) => {
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
});
