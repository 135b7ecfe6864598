/** A streamed answer is the same events however the network cuts it, and an error among them takes nothing from those before it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorEvent, LastEvent, serverSentEvents } from "#inference/transport/server-sent-events";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function answer(chunks: readonly Uint8Array[], onCancel?: () => void): Response {
  const rest = [...chunks];
  return new Response(
    new ReadableStream({
      pull(controller) {
        const chunk = rest.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: () => onCancel?.(),
    }),
  );
}

const read = ({ event, data }: { event?: string | undefined; data: string }): unknown =>
  data === "[DONE]" ? new LastEvent({ event: "done" }) : data === "skip" ? undefined : { event, value: JSON.parse(data) };

async function eventsIn(...chunks: Uint8Array[]): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const batch of serverSentEvents(answer(chunks), read)) events.push(...batch);
  return events;
}

describe("server-sent events", () => {
  it("are the same wherever the bytes are cut, with any end of line", async () => {
    const message = fc.record({ event: fc.constantFrom("a", "b"), value: fc.json({ maxDepth: 1 }) });
    const end = fc.constantFrom("\n", "\r\n");
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 5 }), end, fc.array(fc.nat(200)), async (messages, line, cuts) => {
        const text = messages.map(({ event, value }) => `: note${line}event: ${event}${line}data: ${value}${line}${line}`).join("");
        const all = bytes(`\uFEFF${text}`);
        const places = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((place, index) => all.slice(places[index], place));
        const expected = messages.map(({ event, value }) => ({ event, value: JSON.parse(value) }));
        expect(await eventsIn(...chunks.filter(({ length }) => length > 0))).toEqual(expected);
      }),
    );
  });

  it("come together as their chunk brought them", async () => {
    const batches: unknown[] = [];
    const chunks = [bytes("data: 1\n\ndata: 2\n\nda"), bytes("ta: 3\n\ndata: skip\n\n")];
    for await (const batch of serverSentEvents(answer(chunks), read)) batches.push(batch.length);
    expect(batches).toEqual([2, 1]);
  });

  it("join data of several lines, and leave out what the end cuts off", async () => {
    expect(await eventsIn(bytes("data: [1,\ndata: 2]\n\ndata: 3\n"))).toEqual([{ event: undefined, value: [1, 2] }]);
  });

  it("may be any number, with any number of strange lines, as long as none takes for ever", async () => {
    const strange = "strange: yes\n".repeat(9_000);
    const chunk = bytes(`${strange}data: "${"x".repeat(1_048_576)}"\n\n`);
    expect(await eventsIn(...Array.from({ length: 40 }, () => chunk))).toHaveLength(40);
    await expect(eventsIn(bytes(`${strange}\n${strange}`))).rejects.toMatchObject({ fault: { code: "hostile-response" } });
    const halves = Array.from({ length: 40 }, () => bytes(`data: "${"x".repeat(1_048_576)}"\n`));
    await expect(eventsIn(...halves)).rejects.toMatchObject({ fault: { code: "hostile-response", kind: "final" } });
  });

  it("end at the sentinel, and let the body go", async () => {
    const ended = Promise.withResolvers<void>();
    const seen: unknown[] = [];
    const body = answer([bytes("data: 1\n\ndata: [DONE]\n\ndata: 2\n\n"), bytes("data: 3\n\n")], ended.resolve);
    for await (const batch of serverSentEvents(body, read)) seen.push(...batch);
    await ended.promise;
    expect(seen).toEqual([{ event: undefined, value: 1 }, { event: "done" }]);
  });

  it("come before an error in the same chunk", async () => {
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const batch of serverSentEvents(answer([bytes("data: 1\n\ndata: {\n\ndata: 2\n\n")]), read)) seen.push(...batch);
    })();
    await expect(reading).rejects.toBeInstanceOf(SyntaxError);
    expect(seen).toEqual([{ event: undefined, value: 1 }]);
  });

  it.each([
    ["an error object", '{"type":"error","error":{"type":"overloaded_error"}}', { type: "error", error: { type: "overloaded_error" } }],
    ["a bare object", '{"message":"busy"}', { type: "error", error: { message: "busy" } }],
    ["words", "upstream died", { type: "error", error: { message: "upstream died" } }],
  ])("make one error of %s", (_name, data, expected) => {
    expect(errorEvent(data)).toEqual(expected);
  });
});
