/** How long a silence may last is for the call to say: the platform's fetch has no limit of its own beneath it. */

import { OpenAIInferenceClient } from "asimov-agents/openai";
import OpenAI from "openai";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import * as anthropic from "../anthropic/messages-server.ts";
import * as gemini from "../gemini/gemini-server.ts";
import * as openai from "../openai/openai-server.ts";

interface Row {
  name: string;
  answer: Parameters<typeof openai.serve>[0];
  clientOf(url: string, options?: { fetch?: typeof fetch }): InferenceClient;
}
const ROWS: Row[] = [
  { name: "Anthropic's client", answer: (_request, response) => anthropic.answer(response), clientOf: anthropic.clientOf },
  { name: "OpenAI's client", answer: openai.answer, clientOf: openai.clientOf },
  { name: "Google's client", answer: (_request, response) => gemini.answer(response), clientOf: gemini.genaiOf },
  {
    name: "a ready-made client of OpenAI",
    answer: openai.answer,
    clientOf: (baseURL) =>
      new OpenAIInferenceClient({
        model: openai.MODEL,
        client: new OpenAI({ apiKey: openai.KEY, baseURL, organization: null, project: null }),
      }),
  },
  { name: "Vertex's client", answer: (_request, response) => gemini.answer(response), clientOf: (url) => gemini.vertexOf(url) },
];

const DISPATCHER = Symbol.for("undici.globalDispatcher.1");
type Limits = { headersTimeout?: number; bodyTimeout?: number };
interface Dispatcher {
  dispatch(options: Limits, handler: unknown): boolean;
}

/** What Node's fetch is told of limits, by whoever passes them on. */
function watchLimits(): Limits[] {
  new Headers();
  const place = globalThis as unknown as Record<symbol, Dispatcher>;
  const own = place[DISPATCHER] as Dispatcher;
  const seen: Limits[] = [];
  place[DISPATCHER] = {
    dispatch(options, handler) {
      const { headersTimeout, bodyTimeout } = options;
      seen.push({ ...(headersTimeout === undefined ? {} : { headersTimeout }), ...(bodyTimeout === undefined ? {} : { bodyTimeout }) });
      return own.dispatch(options, handler);
    },
  };
  onTestFinished(() => {
    place[DISPATCHER] = own;
  });
  return seen;
}

describe.each(ROWS)("the platform's fetch beneath $name", ({ answer, clientOf }) => {
  it("waits as long as the call does", async () => {
    const server = await openai.serve(answer);
    const seen = watchLimits();
    expect((await clientOf(server.url).generate(openai.HELLO)).text).toBe("Hi");
    expect(seen).toEqual([{ headersTimeout: 0, bodyTimeout: 0 }]);
  });

  it("is what the platform has at the time of the call", async () => {
    const server = await openai.serve(answer);
    const client = clientOf(server.url);
    const direct = globalThis.fetch;
    let calls = 0;
    const later: typeof fetch = (input, init) => {
      calls += 1;
      return direct(input, init);
    };
    vi.stubGlobal("fetch", later);
    onTestFinished(() => {
      vi.unstubAllGlobals();
    });
    expect((await client.generate(openai.HELLO)).text).toBe("Hi");
    expect(calls).toBe(1);
  });
});

describe.each(ROWS.slice(0, 3))("a fetch of the user's own beneath $name", ({ answer, clientOf }) => {
  it("is called as it would be without us", async () => {
    const server = await openai.serve(answer);
    const given: (RequestInit | undefined)[] = [];
    const own: typeof fetch = (input, init) => {
      given.push(init);
      return fetch(input, init);
    };
    expect((await clientOf(server.url, { fetch: own }).generate(openai.HELLO)).text).toBe("Hi");
    expect(given).toHaveLength(1);
    expect(given[0]).not.toHaveProperty("dispatcher");
  });
});
