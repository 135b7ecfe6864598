/** What a model made beside text, by Chat Completions: whole and streamed. */
import { beforeEach, describe, expect, it } from "vitest";
import { json } from "../../support/wire-server.ts";
import { HELLO, serve } from "../provider-fixture.ts";
import { chunk, clientOf, end, forgetEnvironment, type Json, sendAll } from "./openai-server.ts";

beforeEach(forgetEnvironment);

const PNG = "iVBORw0KGgo=";
const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
const wav = Buffer.from("RIFF\0\0\0\0WAVEfmt ");

const answered = async (how: string, whole: Json, pieces: Json[] = [whole]) => {
  const server = await serve((_request, response) =>
    how === "whole"
      ? json(response, 200, {
          id: "c",
          model: "m",
          choices: [{ message: { role: "assistant", content: null, ...whole }, finish_reason: "stop" }],
        })
      : sendAll(response, ...pieces.map((piece) => chunk(piece)), end()),
  );
  const client = clientOf(server.url, { api: "chat", model: "m" });
  return how === "whole" ? client.generate(HELLO) : client.stream(HELLO).result;
};

describe.each(["whole", "streamed"])("what a model made beside text, %s", (how) => {
  it("is an image of OpenRouter's, once", async () => {
    const { blocks, text, warnings } = await answered(how, { content: "Here.", images: [image] }, [
      { content: "Here." },
      { images: [image] },
      { images: [image] },
    ]);
    expect(blocks).toMatchObject([
      { type: "text", text: "Here." },
      { type: "file", mediaType: "image/png", data: PNG },
    ]);
    expect([blocks.length, text, warnings]).toEqual([2, "Here.", []]);
  });

  it("is an image that is a part of the content", async () => {
    const { blocks, warnings } = await answered(how, { content: [{ type: "text", text: "Here." }, image] });
    expect(blocks).toMatchObject([{ text: "Here." }, { type: "file", data: PNG }]);
    expect(warnings).toEqual([]);
  });

  it("is audio, with what it says as text", async () => {
    const pieces = [wav.subarray(0, 5), wav.subarray(5)].map((bytes) => ({ audio: { id: "a", data: bytes.toString("base64") } }));
    const { blocks, text } = await answered(how, { audio: { id: "a", data: wav.toString("base64"), transcript: "Hello." } }, [
      { audio: { id: "a", transcript: "Hel" } },
      { audio: { id: "a", transcript: "lo." } },
      ...pieces,
    ]);
    expect(text).toBe("Hello.");
    expect(blocks.at(-1)).toMatchObject({ type: "file", mediaType: "audio/wav", data: wav.toString("base64") });
  });

  it("is samples where its bytes name no format", async () => {
    const { blocks } = await answered(how, { audio: { id: "a", data: Buffer.from([1, 2, 3, 4]).toString("base64") } });
    expect(blocks).toMatchObject([{ type: "file", mediaType: "audio/pcm", data: "AQIDBA==" }]);
  });

  it("is told of where it is of a kind that nobody knows", async () => {
    const { text, warnings } = await answered(how, {
      content: [
        { type: "text", text: "Hi" },
        { type: "hologram", secret: "key" },
      ],
    });
    expect([text, warnings]).toEqual(["Hi", [expect.stringContaining('the kind "hologram"')]]);
    expect(warnings.join()).not.toContain("key");
  });
});

it("an end that nobody knows is warned of", async () => {
  const server = await serve((_request, response) => sendAll(response, chunk({ content: "Hi" }), end("too_hot")));
  const { finishReason, warnings } = await clientOf(server.url, { api: "chat" }).stream(HELLO).result;
  expect([finishReason, warnings]).toEqual([{ unified: "other", raw: "too_hot" }, [expect.stringContaining('ended by "too_hot"')]]);
});
