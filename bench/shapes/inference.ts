/** Models: a stream beside the raw SDK on one local server, a tool chain beside the AI SDK, and memory while 100 MB stream. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import { AnthropicInferenceClient } from "../../src/anthropic.ts";
import { ChatRole, defineTool, InferenceClient, type Wire } from "../../src/index.ts";
import { aiSdkTrial } from "../contenders/ai-sdk.ts";
import { OURS } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { collectGarbage, spreadOf, type Trial } from "../measure.ts";

const DELTAS = 10_000;
const RAW = "raw SDK";
const MODEL = "claude-sonnet-5-5";

const line = (event: { type: string }): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const delta = (text: string): string =>
  line({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as { type: string });
const usage = { input_tokens: 10, output_tokens: 1 };
const head =
  line({ type: "message_start", message: { id: "m", type: "message", role: "assistant", model: MODEL, content: [], usage } } as {
    type: string;
  }) + line({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string });
const tail =
  line({ type: "content_block_stop", index: 0 } as { type: string }) +
  line({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: DELTAS } } as { type: string }) +
  line({ type: "message_stop" });

/** Writes as fast as it is read. */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (!response.write(text)) await new Promise((resolve) => response.once("drain", resolve));
}

async function serve(deltas: number, text: string): Promise<{ url: string; close(): void }> {
  const burst = delta(text).repeat(Math.min(50, deltas));
  const server = createServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    await write(response, head);
    for (let sent = 0; sent < deltas; sent += 50) await write(response, burst);
    response.end(tail);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

const ask = [{ role: ChatRole.USER, content: "Go" }];

const streamBenchmark: Benchmark = {
  name: "stream",
  title: "A stream of 10,000 deltas from a local server, through Anthropic's SDK",
  async run({ sampling }) {
    const server = await serve(DELTAS, "word ");
    const sdk = new Anthropic({ apiKey: "k", baseURL: server.url, maxRetries: 0, openTelemetry: false });
    const client = new AnthropicInferenceClient({ model: MODEL, apiKey: "k", baseURL: server.url });
    const body = { model: MODEL, max_tokens: 100, messages: [{ role: "user" as const, content: "Go" }], stream: true as const };
    const raw = async (most: number): Promise<void> => {
      let count = 0;
      for await (const event of await sdk.messages.create(body)) {
        if (event.type === "content_block_delta" && ++count >= most) break;
      }
      if (count !== most) throw new Error(`${count} deltas`);
    };
    const ours = async (most: number): Promise<void> => {
      let count = 0;
      for await (const part of client.stream(ask)) if (part.type === "text-delta" && ++count >= most) break;
      if (count !== most) throw new Error(`${count} deltas`);
    };
    const trials = (most: number): Trial[] => [
      { contender: OURS, run: () => ours(most) },
      { contender: RAW, run: () => raw(most) },
    ];
    const whole = await race({ group: "stream", shape: "10,000 deltas", per: "delta", count: DELTAS }, trials(DELTAS), sampling);
    const first = await race({ group: "stream", shape: "first delta", per: "stream", count: 1 }, trials(1), sampling);
    server.close();
    return [...whole, ...first];
  },
};

const TURNS = 100;
const noop = defineTool({ name: "noop", description: "Does nothing", input: { type: "object" }, run: () => "ok" });

/** A model that calls the tool at every turn but the last, at once. */
class InstantClient extends InferenceClient {
  constructor(turns: number) {
    let turn = 0;
    const wire: Wire = {
      provider: "instant",
      send: async () => undefined,
      open: async () => once(++turn),
      readResponse: () => {},
      readEvents: (into) => () => {
        into.usage({ inputTokens: 1, outputTokens: 1 });
        if (turn < turns) into.toolStart(0, { id: `c${turn}`, name: "noop" });
        else into.text(0, "done");
        into.end(0);
        into.finish({ unified: "stop", raw: "stop" });
      },
      toFault: () => undefined,
    };
    super({ model: "instant", wire, options: {} });
  }
}

async function* once(event: unknown): AsyncGenerator<unknown> {
  yield event;
}

function chainTrial(turns: number): Trial {
  return {
    contender: OURS,
    async run() {
      const { iterations } = await new InstantClient(turns).toolChain(ask, [noop], { maxIterations: turns });
      if (iterations !== turns) throw new Error(`${iterations} turns`);
    },
  };
}

/** Milliseconds of the turns from one to another, as the tools of one long chain see them. */
async function windowMs(turns: number, windows: readonly (readonly [number, number])[]): Promise<number[]> {
  const at: number[] = [];
  const clock = defineTool({
    name: "noop",
    description: "Notes the time",
    input: { type: "object" },
    run: () => at.push(performance.now()),
  });
  await new InstantClient(turns).toolChain(ask, [clock], { maxIterations: turns });
  return windows.map(([from, to]) => ((at[to] as number) - (at[from] as number)) / (to - from));
}

const chainBenchmark: Benchmark = {
  name: "toolchain",
  title: "A tool chain on a model without latency",
  async run({ sampling, quick }) {
    const raced = await race(
      { group: "toolchain", shape: "100 turns", per: "turn", count: TURNS },
      [chainTrial(TURNS), aiSdkTrial(TURNS)],
      sampling,
    );
    const rounds = quick ? 3 : 9;
    const early: number[] = [];
    const late: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [first = 0, last = 0] = await windowMs(500, [
        [1, 50],
        [448, 498],
      ]);
      early.push(first * 1_000);
      late.push(last * 1_000);
    }
    const figure = (shape: string, values: number[]): Figure => ({
      group: "toolchain",
      shape,
      contender: OURS,
      unit: "µs/turn",
      spread: spreadOf(values),
    });
    return [...raced, figure("turns 1 to 50 of 500", early), figure("turns 450 to 500 of 500", late)];
  },
};

const MEGABYTES = 100;

const streamMemoryBenchmark: Benchmark = {
  name: "streammemory",
  title: "Growth of memory while 100 MB stream, the text of the answer kept",
  async run({ quick }) {
    const server = await serve((MEGABYTES * 1_000_000) / 10_000, "x".repeat(10_000));
    const client = new AnthropicInferenceClient({
      model: MODEL,
      apiKey: "k",
      baseURL: server.url,
      maxResponseBytes: Number.POSITIVE_INFINITY,
    });
    const peaks: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      collectGarbage();
      const before = process.memoryUsage().rss;
      let peak = before;
      for await (const part of client.stream(ask)) if (part.type === "text-delta") peak = Math.max(peak, process.memoryUsage().rss);
      peaks.push((peak - before) / 1_000_000);
    }
    server.close();
    return [{ group: "streammemory", shape: "100 MB", contender: OURS, unit: "MB", spread: spreadOf(peaks) }];
  },
};

export const inferenceBenchmarks: readonly Benchmark[] = [streamBenchmark, chainBenchmark, streamMemoryBenchmark];
