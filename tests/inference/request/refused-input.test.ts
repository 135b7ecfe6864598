/** What no call can be made of: refused with its place, what was expected and what came, and never with what was said. */
import { describe, expect, it } from "vitest";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import type { ClientOptions } from "#inference/call/call-settings";
import { requireFetched } from "#inference/request/unsupported";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { ask, errorOf } from "../client-rows.ts";

async function refused(given: { messages?: unknown; options?: object; init?: object }): Promise<string> {
  const { messages = ask(), options, init } = given;
  const asked = async () => {
    const client = new ScriptedInferenceClient(["never"], init as ClientOptions);
    return client.generate(messages as ChatMessage[], options as GenerateOptions);
  };
  const error = await errorOf(asked());
  expect(error).toMatchObject({ code: "invalid-options" });
  return (error as Error).message;
}

describe("what fits no form of a union", () => {
  it.each<[string, unknown, string]>([
    ["another type", 5, "0.content: Invalid input: expected string or array, received number."],
    ["no block", [null], "0.content.0: Invalid input: expected object, received null."],
    ["a block without its text", [{ type: "text" }], "0.content.0.text: Invalid input: expected string, received undefined."],
    ["a block of no known type", [{ type: "zzz" }], "0.content.0.type: Invalid discriminator value. Expected 'text' | 'file' | "],
    [
      "bytes of another kind",
      [{ type: "file", mediaType: "text/plain", data: new ArrayBuffer(1) }],
      "0.content.0.data: Invalid input: expected string or Uint8Array, received ",
    ],
    ["data that is no base64", [{ type: "file", mediaType: "text/plain", data: "#secret" }], "0.content.0.data: expected base64."],
  ])("is told with its place in a message: %s", async (_what, content, fault) => {
    const message = await refused({ messages: [{ role: "USER", content }] });
    expect(message).toContain(`messages: ${fault}`);
    expect(message).not.toMatch(/zzz|secret/);
  });

  it.each<[string, object, string]>([
    ["toolChoice", { toolChoice: "required" }, 'Invalid input: expected one of "auto", "any", "none" or object, received string.'],
    ["toolChoice.only", { toolChoice: { only: 5 } }, "Invalid input: expected array, received number."],
    ["thinking.effort", { thinking: { effort: "zzz" } }, 'Invalid option: expected one of "minimal"|"low"|"medium"|"high"|"max".'],
    ["thinking", { thinking: { depth: 1 } }, 'Unrecognized key: "depth".'],
    ["thinking", { thinking: 5 }, "Invalid input: expected boolean or object, received number."],
  ])("is told with its place in the options: %s", async (place, options, fault) => {
    expect(await refused({ options })).toBe(`generate: ${place}: ${fault}`);
  });

  it("is told with its place in the options of a client", async () => {
    expect(await refused({ init: { prices: { m: 5 } } })).toBe(
      "ScriptedInferenceClient: prices.m: expected a price: { input, output, … }.",
    );
    expect(await refused({ init: { prices: 5 } })).toBe(
      "ScriptedInferenceClient: prices: Invalid input: expected record, received number.",
    );
  });
});

describe("a block in a role that it does not belong in", () => {
  const call: ContentBlock = { type: "tool-use", id: "c", name: "add", input: {} };
  const gave: ContentBlock = { type: "tool-result", toolUseId: "c", content: "REAL RESULT" };
  const thought: ContentBlock = { type: "thinking", text: "secret" };
  const own: ContentBlock = { type: "provider", provider: "scripted", value: {} };
  const ANSWER = "ASSISTANT";

  it.each<[string, ChatMessage["role"], ContentBlock, string]>([
    ...(["USER", "SYSTEM", "TOOL_RESULT"] as const).flatMap((role) =>
      [call, thought, own].map((block): [string, ChatMessage["role"], ContentBlock, string] => [block.type, role, block, ANSWER]),
    ),
    ["tool-result", "ASSISTANT", gave, "TOOL_RESULT or USER"],
    ["tool-result", "SYSTEM", gave, "TOOL_RESULT or USER"],
  ])("is refused, with where it belongs: %s in %s", async (type, role, block, belongs) => {
    const message = await refused({ messages: [...ask(), { role, content: [{ type: "text", text: "x" }, block] }] });
    expect(message).toBe(`messages: 1.content.1: a ${type} block belongs in a message of the role ${belongs}, not ${role}.`);
  });

  it("is no result that is lost", async () => {
    const message = await refused({ messages: [...ask(), { role: "ASSISTANT", content: [call, gave] }] });
    expect(message).toMatch(/^messages: 1\.content\.1: a tool-result block/);
  });

  it("is taken where it belongs", async () => {
    const client = new ScriptedInferenceClient(["Hi"]);
    const { warnings } = await client.generate([
      ...ask(),
      { role: "ASSISTANT", content: [thought, own, call] },
      { role: "USER", content: [gave] },
    ]);
    expect(warnings).toEqual([]);
  });
});

describe("an address that is not whole", () => {
  it.each<ContentBlock>([
    { type: "file", mediaType: "application/pdf", url: "example.com/a.pdf?signature=secret" },
    { type: "image", url: "/a.png?signature=secret" },
    { type: "image", url: "" },
  ])("is refused, and not shown: $type $url", async (block) => {
    const message = await refused({ messages: [{ role: "USER", content: [block] }] });
    expect(message).toMatch(/^messages: 0\.content\.0\.url: expected a whole address/);
    expect(message).not.toMatch(/secret|a\.p/);
  });

  it.each(["https://example.com/a.png", "gs://bucket/a.png", "data:image/png;base64,QUJD"])("is not this: %s", async (url) => {
    const client = new ScriptedInferenceClient(["Hi"]);
    await client.generate([{ role: "USER", content: [{ type: "image", url }] }]);
    expect(client.remaining).toBe(0);
  });

  it("has no part of it told where a provider does not fetch it", () => {
    const fetched = (url: string) => () => requireFetched({ type: "file", mediaType: "image/png", url }, "X");
    expect(fetched("S3://bucket/a.png")).toThrow(/at an address of the kind s3: X fetches https, http alone/);
    expect(fetched("a secret:b")).toThrow(/at what is no address: X fetches/);
  });
});

describe("a tool's input in a history", () => {
  const nested = (levels: number): unknown => {
    let value: unknown = "deep";
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
    return value;
  };
  const calling = (input: unknown): ChatMessage[] => [
    ...ask(),
    { role: "ASSISTANT", content: [{ type: "tool-use", id: "c", name: "add", input }] },
    { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "c", content: "3" }] },
  ];

  it.each([513, 100_000])("is refused where it is nested %i levels deep", async (levels) => {
    expect(await refused({ messages: calling(nested(levels)) })).toBe(
      "messages: 1.content.0.input: expected JSON of 512 levels at most, got what is nested deeper.",
    );
  });

  it("is taken up to 512 levels", async () => {
    const client = new ScriptedInferenceClient(["Hi"]);
    await client.generate(calling(nested(512)));
    expect(client.remaining).toBe(0);
  });
});

describe("a capability that is none", () => {
  it("is refused as an option is", async () => {
    expect(await refused({ init: { capabilities: { flying: true } } })).toBe('capabilities: Unrecognized key: "flying".');
  });
});
