/** The deltas of one answer, read of a stream, and of a chain that is made of that one answer. */
import { type ChatMessage, ChatRole, InferenceClient, type Wire } from "../../src/index.ts";
import { ScriptedInferenceClient } from "../../src/testing.ts";
import type { Trial } from "../trial.ts";

const WORD = "word ";
const ask: ChatMessage[] = [{ role: ChatRole.USER, content: "Go" }];

/** Who reads: the client's stream, or its chain. */
export type Reader = "stream" | "streamChain";

/** Whose deltas. */
export type Source = "each alone" | "50 at once" | "Anthropic";

/** A model that answers at once, some deltas at a time, as an SDK gives what came in one piece. */
class BurstClient extends InferenceClient {
  constructor(deltas: number, burst: number) {
    const wire: Wire = {
      provider: "burst",
      send: async () => undefined,
      open: async () => bursts(deltas, burst),
      readResponse: () => {},
      readEvents: (into) => (event) => {
        if (event === "end") {
          into.usage({ inputTokens: 1, outputTokens: deltas });
          into.end(0);
          into.finish({ unified: "stop", raw: "stop" });
        } else into.text(0, event as string);
      },
      toFault: () => undefined,
    };
    super({ model: "burst", wire, options: {} });
  }
}

async function* bursts(deltas: number, burst: number): AsyncGenerator<unknown> {
  const together = new Array<string>(burst).fill(WORD);
  for (let sent = 0; sent < deltas; sent += burst) yield together;
  yield "end";
}

async function clientsOf(source: Source, deltas: number): Promise<() => InferenceClient> {
  switch (source) {
    case "each alone": {
      const script = [{ chunks: new Array<string>(deltas).fill(WORD) }];
      return () => new ScriptedInferenceClient(script);
    }
    case "50 at once": {
      const client = new BurstClient(deltas, 50);
      return () => client;
    }
    case "Anthropic": {
      const { servedClient } = await import("./streams.ts");
      const client = await servedClient("Anthropic");
      return () => client;
    }
  }
}

/** Each delta is read, and then the answer's text: a chain puts it together in any case, for its conversation. */
export async function chainStreamTrial(source: Source, reader: Reader, deltas: number): Promise<Trial> {
  const clientOf = await clientsOf(source, deltas);
  const whole = WORD.repeat(deltas);
  return {
    async run() {
      const client = clientOf();
      const stream = reader === "stream" ? client.stream(ask) : client.streamChain(ask, []);
      let count = 0;
      for await (const part of stream) if (part.type === "text-delta") count++;
      if (count !== deltas) throw new Error(`${count} deltas`);
      if ((await stream.result).text !== whole) throw new Error("Their text is another one.");
    },
  };
}
