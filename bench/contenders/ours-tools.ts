/** A chain of tools on a model without latency. */
import { ChatRole, defineTool, InferenceClient, type Wire } from "../../src/index.ts";
import type { Trial } from "../trial.ts";

/** Turns, counted from 1. */
export type Window = readonly [from: number, to: number];

const ask = [{ role: ChatRole.USER, content: "Go" }];
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

export function chainTrial(turns: number): Trial {
  return {
    async run() {
      const { iterations } = await new InstantClient(turns).toolChain(ask, [noop], { maxIterations: turns });
      if (iterations !== turns) throw new Error(`${iterations} turns`);
    },
  };
}

/** Milliseconds of a turn in each window of turns, as the tools of one long chain see them; of each round. */
export async function windowTimes(turns: number, windows: readonly Window[], { warming, rounds }: { warming: number; rounds: number }) {
  const times: number[][] = windows.map(() => []);
  for (let round = 0; round < warming + rounds; round++) {
    const at: number[] = [];
    const clock = defineTool({
      name: "noop",
      description: "Notes the time",
      input: { type: "object" },
      run: () => at.push(performance.now()),
    });
    await new InstantClient(turns).toolChain(ask, [clock], { maxIterations: turns });
    if (round < warming) continue;
    for (const [place, [from, to]] of windows.entries()) {
      times[place]?.push(((at[to - 1] ?? Number.NaN) - (at[from - 1] ?? Number.NaN)) / (to - from));
    }
  }
  return times;
}
