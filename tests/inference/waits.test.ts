/** A call that waits tells why and how long, waits as the provider asks before it guesses, and never longer than it has time. */
import { describe, expect, it } from "vitest";
import { InferenceError, RetriesExceededError } from "#contract/chat/errors";
import type { CallRecord, ClientOptions } from "#inference/call/call-settings";
import type { Script } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { HastyClock } from "../support/hasty-clock.ts";
import { ManualClock, turned } from "../support/manual-clock.ts";
import { recorder } from "../telemetry/recorder.ts";
import { scripted } from "./checklist-calls.ts";
import { ask, CLIENT_ROWS, errorOf, isolateClients } from "./client-rows.ts";

isolateClients();

const { ended } = recorder();
const pausesOnSpans = () =>
  ended().flatMap(({ events }) =>
    events.flatMap(({ name, attributes = {} }) =>
      name === "pause" ? [[attributes["asimov.pause.reason"], attributes["asimov.pause.ms"]]] : [],
    ),
  );

/** All is spent, and whole again in a minute, by both ways to say so. */
const spent = {
  "x-ratelimit-limit-requests": "100",
  "x-ratelimit-remaining-requests": "0",
  "x-ratelimit-reset-requests": "60s",
  "anthropic-ratelimit-input-tokens-remaining": "0",
  "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:01:00Z",
};
const refused = (headers: Record<string, string> = {}) => ({ error: { status: 429 }, headers });

function telling(options: ClientOptions = {}) {
  const clock = new HastyClock(60_000);
  const records: CallRecord[] = [];
  const services = { clock, random: () => 0.5 };
  return { clock, records, options: { ...options, services, onTrace: (record: CallRecord) => void records.push(record) } };
}

describe.each(CLIENT_ROWS)("waits of every client: $name", (row) => {
  it("are as long as the provider asks, whole or streamed, and are told", async () => {
    const { clock, records, options } = telling();
    const { client, server } = await scripted(
      row,
      [refused({ "retry-after": "7" }), "One", refused({ "retry-after": "8" }), "Two"],
      options,
    );
    expect((await client.generate(ask())).text).toBe("One");
    expect((await client.stream(ask()).result).text).toBe("Two");
    expect(records.map(({ pauses }) => pauses)).toEqual([[{ reason: "retry-after", ms: 7000 }], [{ reason: "retry-after", ms: 8000 }]]);
    expect(records.map(({ durationMs }) => durationMs)).toEqual([7000, 8000]);
    expect(pausesOnSpans()).toEqual([
      ["retry-after", 7000],
      ["retry-after", 8000],
    ]);
    expect(clock.passed).toEqual([7000, 8000]);
    server.assertDone();
  });

  it("are as long as the provider asks, whatever its headers let one guess", async () => {
    const { records, options } = telling();
    const { client, server } = await scripted(row, [refused({ ...spent, "retry-after": "2" }), "One"], options);
    expect((await client.generate(ask())).text).toBe("One");
    expect(records[0]?.pauses).toEqual([{ reason: "retry-after", ms: 2000 }]);
    server.assertDone();
  });

  it("are by what the headers let one guess where nothing is asked", async () => {
    const { records, options } = telling();
    const { client } = await scripted(row, [{ text: "One", headers: spent }, "Two"], options);
    await client.generate(ask());
    expect((await client.generate(ask())).text).toBe("Two");
    expect(records.map(({ pauses }) => pauses)).toEqual([[], [{ reason: "provider-limits", ms: 60_000 }]]);
    expect(pausesOnSpans()).toEqual([["provider-limits", 60_000]]);
  });

  it("never outlive the call: one that is too long is none, and the error says how long it would have been", async () => {
    const { clock, records, options } = telling({ timeoutMs: 90_000 });
    const { client, server } = await scripted(row, [refused({ "retry-after": "91" }), refused({ "retry-after": "92" })], options);
    for (const [asked, ms] of [
      [() => client.generate(ask()), 91_000],
      [() => client.stream(ask()).result, 92_000],
    ] as const) {
      const error = await errorOf(asked());
      expect(error).toBeInstanceOf(RetriesExceededError);
      expect(error).toMatchObject({ attempts: 1, status: 429, retryAfter: ms, cause: { code: "rate-limited" } });
      expect(error.message).toContain(`asks to wait ${ms} ms, and timeoutMs (90000) leaves 90000 ms`);
    }
    // Neither the wait nor the time limit.
    expect(clock.passed).toEqual([]);
    expect(records.map(({ pauses, durationMs }) => [pauses, durationMs])).toEqual([
      [[], 0],
      [[], 0],
    ]);
    expect(server.requests).toHaveLength(2);
  });
});

describe("waits of a call", () => {
  const made = (script: Script, options: ClientOptions = {}) => {
    const told = telling(options);
    return { ...told, client: new ScriptedInferenceClient(script, told.options) };
  };

  it("are told one by one", async () => {
    const { client, records } = made([refused(), refused({ "retry-after-ms": "30", "retry-after": "9" }), "One", "Two"], {
      limits: { requestsPerMinute: 3 },
    });
    await client.generate(ask());
    await client.generate(ask());
    expect(records.map(({ pauses, attempts }) => [attempts, pauses])).toEqual([
      [
        3,
        [
          { reason: "backoff", ms: 250 },
          { reason: "retry-after", ms: 30 },
        ],
      ],
      [1, [{ reason: "limits", ms: 19_720 }]],
    ]);
  });

  it("are not told of where they are shorter than a millisecond", async () => {
    const { client, records } = made([refused(), "One"], { retry: { initialDelayMs: 0 } });
    await client.generate(ask());
    expect(records[0]?.pauses).toEqual([]);
  });

  it("follow each other only as long as there is time", async () => {
    const asked = refused({ "retry-after": "40" });
    const { client, clock } = made([asked, asked, asked, "never"], { retry: { maxAttempts: 9 }, timeoutMs: 100_001 });
    const error = await errorOf(client.generate(ask()));
    expect(error).toMatchObject({ code: "retries-exceeded", attempts: 3, retryAfter: 40_000 });
    expect(error.message).toContain("asks to wait 40000 ms, and timeoutMs (100001) leaves 20001 ms");
    expect(clock.passed).toEqual([40_000, 40_000]);
  });

  it("of our own are none either where they are too long", async () => {
    const { client, clock } = made([refused(), "never"], { retry: { initialDelayMs: 200_000 }, timeoutMs: 70_000 });
    const error = await errorOf(client.generate(ask()));
    expect(error).toMatchObject({ code: "retries-exceeded", attempts: 1 });
    expect(error.message).toContain("the next attempt would wait 100000 ms, and timeoutMs (70000) leaves 70000 ms");
    expect(clock.passed).toEqual([]);
  });

  it.each<[string, ClientOptions, Record<string, string>, string]>([
    ["the client's limits", { limits: { requestsPerMinute: 0.6 } }, {}, "the client's limits let it pass in 100000 ms"],
    [
      "what the provider's headers tell",
      {},
      { ...spent, "x-ratelimit-reset-requests": "1m40s" },
      "the provider's limits, as its headers tell them, let it pass in 100000 ms",
    ],
  ])("for %s are none where they are too long, and nobody else waits for their place", async (_, options, headers, words) => {
    const { client, records } = made([{ text: "One", headers }, "never"], { ...options, timeoutMs: 70_000 });
    await client.generate(ask());
    for (let n = 0; n < 2; n++) {
      const error = await errorOf(n === 0 ? client.generate(ask()) : client.stream(ask()).result);
      expect(error).toBeInstanceOf(InferenceError);
      expect(error).toMatchObject({ code: "timeout", retryable: true, retryAfter: 100_000 });
      expect(error.message).toContain(`${words}, and timeoutMs (70000) leaves it 70000 ms`);
    }
    expect(client.calls).toHaveLength(1);
    expect(records.map(({ attempts, pauses }) => [attempts, pauses])).toEqual([
      [1, []],
      [0, []],
      [0, []],
    ]);
  });

  it.each<[string, Script, ClientOptions, string]>([
    ["backoff", [refused(), "never"], { retry: { initialDelayMs: 2000 } }, "backoff"],
    ["the provider's word", [refused({ "retry-after": "1" }), "never"], {}, "retry-after"],
    ["the limits", ["One", "never"], { limits: { requestsPerMinute: 1 } }, "limits"],
  ])("for %s that are cut short are told as long as they were", async (_, script, options, reason) => {
    const clock = new ManualClock();
    const records: CallRecord[] = [];
    const onTrace = (record: CallRecord): void => void records.push(record);
    const client = new ScriptedInferenceClient(script, { ...options, services: { clock, random: () => 0.5 }, onTrace });
    if (reason === "limits") await client.generate(ask());
    const controller = new AbortController();
    const ended = errorOf(client.generate(ask(), { signal: controller.signal }));
    await turned();
    await clock.pass(400);
    controller.abort();
    expect(await ended).toMatchObject({ code: "aborted" });
    expect(records.at(-1)).toMatchObject({ pauses: [{ reason, ms: 400 }], durationMs: 400 });
    expect(records).toHaveLength(reason === "limits" ? 2 : 1);
    expect(clock.armed).toBe(0);
  });
});
