/** Frames of event streams, cut anywhere: whole ones pass, and what would take memory or is no text does not. */
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { WireFault } from "#contract/chat/wire-fault";
import { FrameLaw } from "#inference/transport/frame-law";
import { guardedFetch } from "#inference/transport/guarded-fetch";
import { EVENT_STREAM, eventFrame, frame, framesOf } from "../../support/event-stream.ts";
import { serveWire } from "../../support/wire-server.ts";

const FRAMES = Buffer.concat([eventFrame("start", {}), eventFrame("text", { text: "é 🎉 日本" }), eventFrame("end", { a: [1, null] })]);

/** The bytes in pieces that end at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set([...places.map((place) => place % bytes.length), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function take(law: FrameLaw, pieces: readonly Buffer[]): unknown {
  try {
    for (const piece of pieces) law.take(piece);
    return undefined;
  } catch (error) {
    return error instanceof WireFault ? error.fault.code : error;
  }
}

describe("the law of frames", () => {
  it("lets whole frames pass, wherever they are cut, and no byte more than is allowed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (places) => {
        expect(take(new FrameLaw(FRAMES.length), cut(FRAMES, places))).toBeUndefined();
        expect(take(new FrameLaw(FRAMES.length - 1), cut(FRAMES, places))).toBe("hostile-response");
      }),
    );
  });

  it("breaks for what is no UTF-8, and for lengths that are none, wherever they are cut", () => {
    const noText = Buffer.concat([FRAMES, frame({ ":event-type": "text" }, Buffer.of(0x22, 0xc3, 0x28, 0x22))]);
    const huge = Buffer.concat([FRAMES, Buffer.of(0x3b, 0x9a, 0xca, 0x00)]);
    const short = Buffer.concat([FRAMES, Buffer.of(0, 0, 0, 4)]);
    fc.assert(
      fc.property(fc.constantFrom(noText, huge, short), fc.array(fc.nat(), { maxLength: 20 }), (bytes, places) => {
        expect(take(new FrameLaw(2_000_000_000), cut(bytes, places))).toBe("hostile-response");
      }),
    );
  });

  it("judges a stream of frames behind the guard, where each chunk counts as a sign of life", async () => {
    const server = await serveWire((_request, response) => {
      response.writeHead(200, { "content-type": EVENT_STREAM });
      response.end(FRAMES);
    });
    onTestFinished(() => server.close());
    let signs = 0;
    const onByte = (): void => {
      signs += 1;
    };
    const about = { streaming: true, maxLineBytes: 10, onHeaders: () => {}, onByte };
    const read = async (maxBytes: number): Promise<string[]> => {
      const { signal } = new AbortController();
      const response = await guardedFetch(fetch, { ...about, signal, maxBytes })(server.url);
      const types: string[] = [];
      for await (const { headers } of framesOf(response.body as unknown as AsyncIterable<Uint8Array>))
        types.push(headers[":event-type"] ?? "");
      return types;
    };
    expect(await read(FRAMES.length)).toEqual(["start", "text", "end"]);
    expect(signs).toBeGreaterThan(0);
    await expect(read(FRAMES.length - 1)).rejects.toMatchObject({ fault: { code: "hostile-response" } });
  });

  it("takes frames for no answer that was asked for whole", async () => {
    const server = await serveWire((_request, response) => {
      response.writeHead(200, { "content-type": EVENT_STREAM });
      response.end(FRAMES);
    });
    onTestFinished(() => server.close());
    const { signal } = new AbortController();
    const guard = { signal, streaming: false, maxBytes: 1_000, maxLineBytes: 1_000, onHeaders: () => {}, onByte: () => {} };
    await expect(guardedFetch(fetch, guard)(server.url)).rejects.toMatchObject({ fault: { code: "hostile-response" } });
  });
});
