/** A client of several hides nothing of those that did not answer: each has its span and its record, within the chain and the run that asked. */
import { SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { FallbackInferenceClient } from "#clients/fallback";
import type { CallRecord } from "#inference/call/call-settings";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { recorder } from "./recorder.ts";

const { ended } = recorder();
const ask = [{ role: "USER" as const, content: "Say hello" }];
const once = { retry: { maxAttempts: 1 } };

describe.each<[string, (client: FallbackInferenceClient) => Promise<{ text: string }>]>([
  ["generate", (client) => client.generate(ask)],
  ["stream", (client) => client.stream(ask).result],
  ["toolChain", (client) => client.toolChain(ask, [])],
  ["streamChain", (client) => client.streamChain(ask, []).result],
])("a client of several, asked by %s", (way, asked) => {
  it("has a span and a record of each client that was asked, the failed one's with what it failed with", async () => {
    const records: CallRecord[] = [];
    const onTrace = (record: CallRecord): void => void records.push(record);
    const first = new ScriptedInferenceClient([{ error: { status: 529 } }], { model: `${way}-1`, onTrace, ...once });
    const second = new ScriptedInferenceClient(["Hello"], { model: `${way}-2`, onTrace });
    expect((await asked(new FallbackInferenceClient([first, second]))).text).toBe("Hello");
    expect(records.map(({ model, error, response }) => [model, (error as { code?: string } | undefined)?.code, response?.text])).toEqual([
      [`${way}-1`, "overloaded", undefined],
      [`${way}-2`, undefined, "Hello"],
    ]);
    const spans = ended().filter(({ name }) => name.startsWith(`chat ${way}-`));
    expect(spans.map(({ name }) => name)).toEqual([`chat ${way}-1`, `chat ${way}-2`]);
    expect(spans[0]).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: { "error.type": "overloaded" } });
    expect(spans[1]?.status.code).toBe(SpanStatusCode.UNSET);
    expect(spans[1]?.attributes["gen_ai.response.model"]).toBe(`${way}-2`);
    // Side by side: within the chain where there is one.
    expect(spans[0]?.parentSpanContext?.spanId).toBe(spans[1]?.parentSpanContext?.spanId);
    expect(spans[0]?.parentSpanContext === undefined).toBe(!way.endsWith("hain"));
  });
});
