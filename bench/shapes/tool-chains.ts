/** A chain of tools on a model without latency, beside the AI SDK; its turns from the first to the last. */
import { ChatRole, defineTool, InferenceClient, type Wire } from "../../src/index.ts";
import { aiSdkStreamTrial, aiSdkTrial } from "../contenders/ai-sdk.ts";
import { OURS } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { spreadOf, type Trial } from "../measure.ts";

const ask = [{ role: ChatRole.USER, content: "Go" }];

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

export const chainBenchmark: Benchmark = {
  name: "toolchain",
  title: "A tool chain on a model without latency",
  async run({ sampling, quick }) {
    const raced = await race(
      { group: "toolchain", shape: "100 turns", per: "turn", count: TURNS },
      [chainTrial(TURNS), aiSdkStreamTrial(TURNS), aiSdkTrial(TURNS)],
      sampling,
    );
    const [warming, rounds] = quick ? [3, 5] : [10, 41];
    const early: number[] = [];
    const late: number[] = [];
    for (let round = 0; round < warming; round++) await chainTrial(500).run();
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
