/** How a client of several ends: what nobody is asked after, what is told where all failed, and what a run counts of it. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FallbackInferenceClient } from "#clients/fallback";
import type { InferenceClient } from "#clients/inference-client";
import { NonRetryableError } from "#contract/base/errors";
import { ContextLengthExceededError, FinalInferenceError, InferenceError } from "#contract/chat/errors";
import { defineTool } from "#contract/chat/tool";
import type { ClientOptions } from "#inference/call/call-settings";
import type { Script } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import type { ScriptedCall } from "#testing/scripted-wire";
import { secondCopy } from "../names/second-copy.ts";
import { nodeOf, runNodes, success } from "../run/support.ts";
import { rowOf, saidAfter, scripted as served } from "./checklist-calls.ts";
import { ask, errorOf, isolateClients, once, twice } from "./client-rows.ts";

isolateClients();

const down = { error: { status: 529 } } as const;
const refused = { error: { status: 401 } } as const;
const long = { error: { status: 400, reason: "context-length-exceeded" } } as const;
const always = { on: () => true };
const scripted = (model: string, script: Script<ScriptedCall>, options: ClientOptions = {}) =>
  new ScriptedInferenceClient(script, { model, ...once, ...options });

const nameOf = ({ provider, model }: InferenceClient): string => `${provider} ${model}`;

/** The three ways by which an answer is asked for, none of which is shown part by part. */
const WAYS: [string, (client: FallbackInferenceClient, signal?: AbortSignal) => Promise<{ warnings: string[] }>][] = [
  ["generate", (client, signal) => client.generate(ask(), signal === undefined ? {} : { signal })],
  ["stream", (client, signal) => client.stream(ask(), signal === undefined ? {} : { signal }).result],
  ["toolChain", (client, signal) => client.toolChain(ask(), [], signal === undefined ? {} : { signal })],
];

describe.each(WAYS)("a client of several, asked by %s", (_name, asked) => {
  it("ends as the caller ends it while the first waits to try again, whatever `on` says", async () => {
    const aborter = new AbortController();
    const first = new ScriptedInferenceClient(
      [
        () => {
          setImmediate(() => aborter.abort(new Error("enough")));
          return down;
        },
      ],
      { model: "one", retry: { maxAttempts: 3, initialDelayMs: 3_600_000, maxDelayMs: 3_600_000 } },
    );
    const second = scripted("two", ["never"]);
    const error = await errorOf(asked(new FallbackInferenceClient([first, second], always), aborter.signal));
    expect([error.code, error.name]).toEqual(["aborted", "AbortError"]);
    expect(second.calls).toEqual([]);
  });

  it("says why the first did not answer in the word of its last attempt", async () => {
    const client = new FallbackInferenceClient([scripted("one", [down, down], twice), scripted("two", ["Hi"])]);
    expect((await asked(client)).warnings).toEqual([
      "scripted one did not answer (overloaded after 2 attempts); scripted two was asked in its place.",
    ]);
  });

  it("fails at once for a node where no other attempt could help, and names all", async () => {
    const error = await errorOf(asked(new FallbackInferenceClient([scripted("one", [refused]), scripted("two", [refused])])));
    expect(error).toBeInstanceOf(FinalInferenceError);
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(error).toMatchObject({ code: "all-failed", retryable: false });
    expect(error.message).toContain("scripted one (unauthorized), scripted two (unauthorized)");
    // Nobody told what was used.
    expect(error).not.toHaveProperty("usage");
  });

  it("holds no prompt and no key in what it tells", async () => {
    const leaky = { error: { status: 401, message: "key sk-planted-9876 of: What is 1 + 2?" } };
    const error = await errorOf(asked(new FallbackInferenceClient([scripted("one", [leaky]), scripted("two", [leaky])])));
    expect(error.message).not.toMatch(/planted|1 \+ 2/);
  });

  it("fails with what `on` throws", async () => {
    const own = new Error("a rule of one's own");
    const on = (): boolean => {
      throw own;
    };
    expect(await errorOf(asked(new FallbackInferenceClient([scripted("one", [down]), scripted("two", [])], { on })))).toBe(own);
  });
});

describe("a client of several", () => {
  it("asks one that reads more where the conversation is too long for the first, and is too long only where it is for all", async () => {
    const client = new FallbackInferenceClient([scripted("one", [long, long]), scripted("two", ["Hi", long])]);
    expect((await client.generate(ask())).text).toBe("Hi");
    const error = await errorOf(client.generate(ask()));
    expect(error).toBeInstanceOf(ContextLengthExceededError);
    expect(error.message).toContain("scripted one (context-length-exceeded), scripted two (context-length-exceeded)");
  });

  it("shortens a chain only when it is too long for the one that reads most", async () => {
    const add = defineTool({ name: "add", description: "Adds", input: z.object({}), run: () => "done" });
    const call = { toolCalls: [{ name: "add" }], usage: { inputTokens: 500, outputTokens: 1 } };
    const small = scripted("small", [call, "end"], { capabilities: { contextWindow: 100 } });
    const large = scripted("large", [], { capabilities: { contextWindow: 1_000 } });
    const messages = [...ask(), { role: "ASSISTANT" as const, content: "x".repeat(2_000) }, ...ask()];
    const result = await new FallbackInferenceClient([small, large]).toolChain(messages, [add], { fifoRatio: 0.5 });
    expect([result.messages.length, result.warnings]).toEqual([6, []]);
  });

  it("passes over one whose model cannot do what is asked, before anything is sent", async () => {
    const cannot = { capabilities: { files: [] }, unsupported: "error" } as const;
    const image = { type: "file" as const, mediaType: "image/png", data: "AAAA" };
    const messages = [{ role: "USER" as const, content: [image] }];
    const [strict, able] = [scripted("one", [], cannot), scripted("two", ["Hi", "Hi"])];
    const client = new FallbackInferenceClient([strict, able]);
    expect((await client.stream(messages).result).warnings).toEqual([expect.stringContaining("one did not answer (unsupported)")]);
    expect((await client.toolChain(messages, [])).text).toBe("Hi");
    expect(() => new FallbackInferenceClient([strict, strict]).stream(messages)).toThrow(expect.objectContaining({ code: "all-failed" }));
    expect(() => client.stream([{ role: "NOBODY", content: "" }] as never)).toThrow(expect.objectContaining({ code: "invalid-options" }));
  });

  it("counts one client once, wherever it stands", async () => {
    const shared = scripted("one", [{ text: "Hi", usage: { inputTokens: 3, outputTokens: 4 } }]);
    const client = new FallbackInferenceClient([new FallbackInferenceClient([shared, shared]), shared]);
    await client.generate(ask());
    expect(client.usage).toMatchObject({ inputTokens: 3, outputTokens: 4 });
  });

  it("has the price of the model that answered", async () => {
    const usage = { inputTokens: 1_000_000, outputTokens: 0 };
    const one = scripted("one", [down], { prices: { one: { input: 9, output: 9 } } });
    const two = scripted("two", [{ text: "Hi", usage }], { prices: { two: { input: 2, output: 2 } } });
    const { usage: told } = await new FallbackInferenceClient([one, two]).stream(ask()).result;
    expect(told.cost).toBe(2);
  });

  it("is one of another copy's clients, and of one of its own", async () => {
    const { testing } = await secondCopy();
    const foreign = new testing.ScriptedInferenceClient([down, "Hi", down, "Hi"], { model: "foreign", ...once });
    const client = new FallbackInferenceClient([foreign, foreign]);
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect((await client.toolChain(ask(), [])).text).toBe("Hi");
  });

  it("is refused what only looks like a client", () => {
    const made = (): unknown => new FallbackInferenceClient([Object.create(ScriptedInferenceClient.prototype)]);
    expect(made).toThrow(/clients: 0: expected a client of a model/);
  });
});

describe.each([
  ["toolChain", false],
  ["streamChain", true],
])("%s of two providers, over their SDKs", (_name, isShown) => {
  it("falls back in its second call, goes on in its third, and gives each the thoughts that are its own alone", async () => {
    const call = (id: string) => ({ thinking: `thought ${id}`, toolCalls: [{ name: "add", id, input: { a: 1 } }] });
    const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: ({ a }) => a + 1 });
    const [anthropic, openAI] = [rowOf("anthropic"), rowOf("openai-responses")];
    const [first, second] = [await served(anthropic, [call("toolu_1"), down, "The end"]), await served(openAI, [call("call_2")])];
    const client = new FallbackInferenceClient([first.client, second.client]);
    const { text, warnings } = await (isShown ? client.streamChain(ask(), [add]).result : client.toolChain(ask(), [add]));
    expect(text).toBe("The end");
    expect(warnings).toContain(`${nameOf(first.client)} did not answer (overloaded); ${nameOf(second.client)} was asked in its place.`);
    const asked = ['call:toolu_1 add {"a":1}', "result:toolu_1 2"];
    expect(saidAfter(openAI, second.server, 0).flatMap(({ said }) => said)).toEqual(asked);
    const whole = ["thought", ...asked, 'call:call_2 add {"a":1}', "result:call_2 2"];
    expect(saidAfter(anthropic, first.server, 2).flatMap(({ said }) => said)).toEqual(whole);
  });
});

describe("a run that asks a client of several", () => {
  /** Real clients, over their SDKs: to which run a call belongs is found across their callbacks. */
  const brokenFirst = async (options = {}) => {
    const first = await served(rowOf("anthropic"), [down]);
    const second = await served(rowOf("openai-chat"), [{ text: "Hi", usage: { inputTokens: 3, outputTokens: 4 } }]);
    return { servers: [first.server, second.server], client: new FallbackInferenceClient([first.client, second.client], options) };
  };

  it.each(["generate", "stream"] as const)("counts what the second used to its node: %s", async (way) => {
    const { client } = await brokenFirst();
    const work = async () => success((await (way === "generate" ? client.generate(ask()) : client.stream(ask()).result)).text);
    const { status, nodes, usage } = await runNodes([nodeOf("asks", [], work)]);
    expect([status, nodes.asks?.results[0]?.result]).toEqual(["COMPLETE", "Hi"]);
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 4 });
    expect(nodes.asks?.usage).toEqual(usage);
  });

  it.each([{}, always])("books each client's call in its budget, and asks nobody once that is spent: %o", async (options) => {
    const { client, servers } = await brokenFirst(options);
    const seen: unknown[] = [];
    const work = async () => {
      try {
        await client.stream(ask()).result;
      } catch (error) {
        seen.push(error);
      }
      return success();
    };
    const { status, task } = await runNodes([nodeOf("asks", [], work)], { budget: { maxCalls: 1 } });
    expect([status, task.error]).toEqual(["FAILED", expect.stringContaining("budget.maxCalls")]);
    expect(seen).toMatchObject([{ code: "budget-exceeded" }]);
    expect(seen[0]).not.toBeInstanceOf(InferenceError);
    expect(servers.map(({ requests }) => requests.length)).toEqual([1, 0]);
  });
});
