/** What broke other libraries, case by case, each with the test that holds it here: a case whose test goes is a failed test. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Number, the case, the file under `tests/`, and words of the test's title or row. */
const CASES: readonly (readonly [number, string, string, string])[] = [
  [
    1,
    "an error as the first event is retried; after content it is not",
    "inference/every-client.test.ts",
    "fails in the middle of a stream with what had come",
  ],
  [2, "Gemini's 503 appended without framing", "inference/gemini/errors.test.ts", "may come as an event in the middle of a stream"],
  [3, "no end mark", "inference/every-client.test.ts", "takes a stream without its end mark for cut off"],
  [3, "an end within a tool's input", "inference/anthropic/stream.test.ts", "gives up a tool call whose input was cut off"],
  [3, "a reset", "inference/anthropic/stream.test.ts", "breaks with the connection"],
  [3, "no event at all", "inference/openai/stream.test.ts", "is truncated without its end mark, and empty without any event"],
  [4, "silence", "inference/every-client.test.ts", "ends a call that has been silent for too long"],
  [
    5,
    "an abort before, during and between attempts",
    "inference/anthropic/sockets.test.ts",
    "is not made again after an abort between two attempts",
  ],
  [5, "an abort while a tool runs", "tool-chain/limits.test.ts", "rejects with an AbortError when it is aborted"],
  [
    6,
    "a reader that leaves, and fifty calls on one signal",
    "inference/anthropic/sockets.test.ts",
    "leaves no listener on a signal that lives on",
  ],
  [6, "a reader that leaves over HTTP/1.1 and HTTP/2", "inference/bedrock/sockets.test.ts", "leaves no listener on a signal that lives on"],
  [7, "characters cut anywhere", "inference/guarded-fetch.test.ts", "lets characters of many bytes through, split byte by byte"],
  [
    8,
    "unknown events, blocks and reasons",
    "inference/anthropic/stream.test.ts",
    "leaves out events, blocks and deltas that it does not know",
  ],
  [
    9,
    "choices that are empty or null, and chunks after the end",
    "inference/openai/stream.test.ts",
    "may hold chunks without choices, empty pieces",
  ],
  [10, "deltas of parallel calls", "inference/openai/tool-slots.test.ts", "are told apart where two calls have the same id"],
  [10, "an id that comes late", "inference/openai/tool-slots.test.ts", "belong to one call where its id comes late"],
  [11, "a tool without input", "inference/openai/tool-slots.test.ts", "add up to an empty object where there is no input"],
  [11, "an input that is no JSON", "inference/anthropic/stream.test.ts", "keeps the text of an input that is no JSON"],
  [12, "calls in an answer that was cut", "tool-chain/limits.test.ts", "is not what a cut answer brings"],
  [
    13,
    "calls in an answer that says stop",
    "inference/openai/tool-slots.test.ts",
    "count as calls also where the server says that it stopped",
  ],
  [
    14,
    "results in one message, in call order, before text",
    "inference/anthropic/request.test.ts",
    "alternates, with all results of a turn in one message, before text",
  ],
  [14, "tools that end out of order", "tool-chain/results.test.ts", "stand in one message in call order"],
  [15, "the same id twice", "tool-chain/results.test.ts", "come for each of two calls with the same id"],
  [
    15,
    "unknown tools, and tools that throw",
    "tool-chain/results.test.ts",
    "tell of a schema fault, an unknown tool, broken JSON and a tool that throws",
  ],
  [
    15,
    "results that are nothing, huge or binary",
    "tool-chain/results.test.ts",
    "can be read when a tool returns nothing, too much, bytes or a circle",
  ],
  [
    16,
    "a batch that was aborted has a result for every call",
    "machines/tool-loop.test.ts",
    "has a result for every call, also of a batch that was aborted",
  ],
  [17, "Bedrock's toolConfig", "inference/bedrock/request.test.ts", "keeps toolConfig when tools were called and none are given any more"],
  [
    18,
    "trimming that parts no call from its result",
    "tool-chain/limits.test.ts",
    "is put off by fifoRatio: the oldest turns go, the task and whole pairs stay",
  ],
  [
    19,
    "a mode change where thoughts are bound",
    "tool-chain/limits.test.ts",
    "change nothing before the last message where thoughts are bound to it",
  ],
  [20, "empty text, and results without any", "inference/anthropic/request.test.ts", "holds no text of nothing but white space"],
  [
    21,
    "thoughts and signatures through JSON",
    "inference/anthropic/stream.test.ts",
    "sends thoughts back byte for byte, after a journey through JSON",
  ],
  [21, "signatures on parts", "inference/gemini/answer.test.ts", "goes back part for part, in order, after a round trip through JSON"],
  [22, "never more markers than four", "inference/caching.test.ts", "marks at most four places"],
  [23, "the previous tail stays marked", "inference/cache-markers.test.ts", "keep the previous request's tail marked for one turn"],
  [
    24,
    "usage that is cumulative",
    "inference/anthropic/stream.test.ts",
    "counts its cumulative usage once, with the cached tokens in the input",
  ],
  [
    25,
    "a server that refuses to tell usage",
    "inference/openai/stream.test.ts",
    "is asked for its usage, and for none where the server refuses that",
  ],
  [26, "failed attempts are paid for", "run/inference-usage.test.ts", "attempt"],
  [27, "as many requests as attempts", "inference/gemini/errors.test.ts", "is made by as many requests as there are attempts"],
  [28, "what is retried, and when", "inference/every-client.test.ts", "retries what is rate limited, waits as it is asked"],
  [29, "throttling is no overflow", "inference/faults.test.ts", "overflow"],
  [30, "what a model cannot do", "inference/prepare-request.test.ts", "unsupported"],
  [31, "a missing SDK", "inference/anthropic/client.test.ts", "says what to install when the SDK is missing"],
  [31, "another copy of the SDK", "inference/openai/errors.test.ts", "is known by its fields, whichever copy of the SDK made it"],
  [32, "no second span of the SDK's", "inference/anthropic/client.test.ts", "is traced once: the SDK tells no span of its own"],
  [32, "spans that end, without content", "telemetry/gen-ai.test.ts", "ends a call's span when its reader leaves"],
];

describe("the checklist of what broke elsewhere", () => {
  it.each(CASES)("%i: %s", (_number, _case, file, title) => {
    expect(readFileSync(new URL(`../${file}`, import.meta.url), "utf8")).toContain(title);
  });
});
