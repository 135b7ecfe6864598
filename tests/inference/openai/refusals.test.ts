import { describe, expect, it } from "vitest";
import { json, type WireServer } from "../../support/wire-server.ts";
import { answer, bodyOf, clientOf, HELLO, type Json, refuse, serve } from "./openai-server.ts";

const SUMMARY = { message: "Your organization must be verified to generate reasoning summaries.", param: "reasoning.summary" };
/** As servers on pydantic tell what they do not know. */
const EXTRA = { message: "Extra inputs are not permitted: ('body', 'reasoning', 'summary')", param: null };
const ENCRYPTED = { message: "Encrypted content is not supported with this model.", param: "include" };
const THINKING = { thinking: { effort: "low" } } as const;
const TOLD = expect.stringContaining("no summaries of thoughts");

/** A server that refuses these members of a request. */
const serveWithout = (...refused: [(body: Json) => boolean, Json][]): Promise<WireServer> =>
  serve((request, response) => {
    const [, error] = refused.find(([holds]) => holds(request.body as Json)) ?? [];
    if (error === undefined) answer(request, response);
    else refuse(response, 400, error);
  });
const asksSummary = ({ reasoning }: Json): boolean => (reasoning as Json | undefined)?.summary !== undefined;
const asksEncrypted = ({ include }: Json): boolean => include !== undefined;

describe("an OpenAI client whose organisation is shown no thoughts", () => {
  it.each([SUMMARY, EXTRA])("asks for none from then on, and says so with each answer that lacks them: $message", async (told) => {
    const server = await serveWithout([asksSummary, told]);
    const client = clientOf(server.url, { api: "responses" });
    expect(await client.generate(HELLO, THINKING)).toMatchObject({ text: "Hi", warnings: [TOLD] });
    expect(await client.stream(HELLO, THINKING).result).toMatchObject({ text: "Hi", warnings: [TOLD] });
    expect(await client.generate(HELLO)).toMatchObject({ text: "Hi", warnings: [] });
    expect(await client.stream(HELLO, { thinking: { effort: "low", display: "omitted" } }).result).toMatchObject({ warnings: [] });
    const reasoning = server.requests.map(({ body }) => (body as Json).reasoning);
    expect(reasoning).toEqual([{ effort: "low", summary: "auto" }, { effort: "low" }, { effort: "low" }, undefined, { effort: "low" }]);
    expect(bodyOf(server, 1)).toEqual({ ...bodyOf(server, 0), reasoning: { effort: "low" } });
  });

  it("learns it in a stream too, whose parts are none but the answer's", async () => {
    const server = await serveWithout([asksSummary, SUMMARY]);
    const stream = clientOf(server.url, { api: "responses" }).stream(HELLO, { thinking: true });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types).toEqual(["text-start", "text-delta", "text-end", "finish"]);
    expect(await stream.result).toMatchObject({ text: "Hi", warnings: [TOLD], raw: { type: "response.completed" } });
    expect(server.requests.map(({ body }) => "reasoning" in (body as Json))).toEqual([true, false]);
  });
});

describe("an OpenAI client of a model that encrypts no thoughts", () => {
  it("asks for none from then on, and leaves out no more than that", async () => {
    const server = await serveWithout([asksEncrypted, ENCRYPTED], [asksSummary, SUMMARY]);
    const client = clientOf(server.url, { api: "responses" });
    expect((await client.stream(HELLO, THINKING).result).text).toBe("Hi");
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect(server.requests.map(({ body }) => [asksEncrypted(body as Json), asksSummary(body as Json)])).toEqual([
      [true, true],
      [false, true],
      [false, false],
      [false, false],
    ]);
    expect(bodyOf(server, 2)).toMatchObject({ reasoning: { effort: "low" }, store: false, stream: true });
  });
});

describe("a refusal of OpenAI", () => {
  it("of anything else is an error at once", async () => {
    const server = await serve((_request, response) => refuse(response, 400, { message: "Unknown model.", param: "model" }));
    await expect(clientOf(server.url, { api: "responses" }).generate(HELLO, THINKING)).rejects.toMatchObject({ code: "invalid-request" });
    expect(server.requests).toHaveLength(1);
  });

  it("of what was not sent is an error at once, and so is one that lasts", async () => {
    const server = await serve((_request, response) => refuse(response, 400, SUMMARY));
    const client = clientOf(server.url, { api: "responses" });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ code: "invalid-request" });
    expect(server.requests).toHaveLength(1);
    await expect(client.generate(HELLO, THINKING)).rejects.toMatchObject({ code: "invalid-request" });
    expect(server.requests).toHaveLength(3);
    // What is refused either way was no reason: it is asked for again.
    await expect(client.generate(HELLO, THINKING)).rejects.toMatchObject({ code: "invalid-request" });
    expect(server.requests.map(({ body }) => asksSummary(body as Json))).toEqual([false, true, false, true, false]);
  });

  it("with another status is no reason to leave anything out", async () => {
    const server = await serve((_request, response) => json(response, 403, { error: SUMMARY }));
    await expect(clientOf(server.url, { api: "responses" }).generate(HELLO, THINKING)).rejects.toMatchObject({ code: "unauthorized" });
    expect(server.requests).toHaveLength(1);
  });
});
