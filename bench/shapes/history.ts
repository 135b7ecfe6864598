/** What must not grow with what is past: an event with those that are unread, a chain with those before it, an error with its conversation. */
import { Agent, ChatRole, defineModule, defineTool, Node } from "../../src/index.ts";
import { ScriptedInferenceClient } from "../../src/testing.ts";
import { newTask, OURS, runOnce } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { spreadOf, type Trial } from "../measure.ts";

export const FEW_UNREAD = "event among 10,000 unread";
export const MANY_UNREAD = "event among 200,000 unread";
export const EARLY_CHAINS = "chains 5 to 15 of one module";
export const LATE_CHAINS = "chains 110 to 120 of one module";
export const answeredCall = (megabytes: number): string => `answered call, conversation of ${megabytes} MB`;
export const refusedCall = (megabytes: number): string => `refused call, conversation of ${megabytes} MB`;

/** Emits so many events, which are read when the run has ended. */
function eventsTrial(count: number): Trial {
  const noisy = defineModule({
    name: "noisy",
    async process({ emit }) {
      for (let index = 0; index < count; index++) emit({ type: "tick", index });
      return { status: "success" };
    },
  });
  const agent = new Agent({ nodes: [new Node({ name: "noisy", modules: [noisy] })], outputMailbox: null });
  return {
    contender: OURS,
    async run() {
      const run = agent.start(newTask());
      const events = run.events({ maxBuffered: Number.POSITIVE_INFINITY });
      await run.outcome;
      let read = 0;
      for await (const event of events) if (event.type === "module.emitted") read++;
      if (read !== count) throw new Error(`${read} of ${count} events were read`);
    },
  };
}

const CHAINS = 120;
const LONG = "x".repeat(20_000);

/** Milliseconds of each of a module's chains, of two turns on 40,000 characters. */
async function chainTimes(): Promise<number[]> {
  const look = defineTool({ name: "look", description: "Looks", input: { type: "object" }, run: () => LONG });
  const turns = [{ toolCalls: [{ name: "look", input: {} }] }, { text: "done" }];
  const client = new ScriptedInferenceClient(Array.from({ length: CHAINS }, () => turns).flat());
  const times: number[] = [];
  const work = defineModule({
    name: "work",
    config: { timeoutMs: Number.POSITIVE_INFINITY },
    async process({ signal }) {
      for (let chain = 0; chain < CHAINS; chain++) {
        const startedAt = performance.now();
        const { text } = await client.toolChain([{ role: ChatRole.USER, content: LONG }], [look], { signal });
        if (text !== "done") throw new Error(`The chain ended with "${text}".`);
        times.push(performance.now() - startedAt);
      }
      return { status: "success" };
    },
  });
  await runOnce(new Agent({ nodes: [new Node({ name: "work", modules: [work] })], outputMailbox: null }));
  return times;
}

async function chainFigures(rounds: number): Promise<Figure[]> {
  const early: number[] = [];
  const late: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const times = await chainTimes();
    early.push(...times.slice(5, 15));
    late.push(...times.slice(-10));
  }
  const figure = (shape: string, times: number[]): Figure => ({
    group: "history",
    shape,
    contender: OURS,
    unit: "µs/chain",
    spread: spreadOf(times.map((ms) => ms * 1_000)),
  });
  return [figure(EARLY_CHAINS, early), figure(LATE_CHAINS, late)];
}

const PIECE = "lorem ipsum dolor sit amet ";
const WORDS = "The request was refused by the gateway because of policy number forty two and nothing else; ".repeat(4).slice(0, 290);

function callTrial(isRefused: boolean, megabytes: number): Trial {
  const text = PIECE.repeat((megabytes * 1e5) / PIECE.length);
  const messages = Array.from({ length: 11 }, (_, index) => ({
    role: index % 2 === 0 ? ChatRole.USER : ChatRole.ASSISTANT,
    content: index === 10 ? "Go" : text + index,
  }));
  return {
    contender: OURS,
    async run() {
      const client = new ScriptedInferenceClient([isRefused ? { error: { status: 400, message: WORDS } } : "fine"]);
      const ended = await client.generate(messages).then(
        () => false,
        () => true,
      );
      if (ended !== isRefused) throw new Error(`The call was ${ended ? "refused" : "answered"}.`);
    },
  };
}

export const historyBenchmark: Benchmark = {
  name: "history",
  title: "What is past or held by others: events unread, chains before, the conversation of an error",
  async run({ sampling, quick }) {
    const figures: Figure[] = [];
    for (const [shape, count] of [
      [FEW_UNREAD, 10_000],
      [MANY_UNREAD, 200_000],
    ] as const) {
      figures.push(...(await race({ group: "history", shape, per: "event", count }, [eventsTrial(count)], sampling)));
    }
    figures.push(...(await chainFigures(quick ? 2 : 5)));
    for (const megabytes of [0.4, 4]) {
      for (const isRefused of [false, true]) {
        const shape = isRefused ? refusedCall(megabytes) : answeredCall(megabytes);
        figures.push(...(await race({ group: "history", shape, per: "call", count: 1 }, [callTrial(isRefused, megabytes)], sampling)));
      }
    }
    return figures;
  },
};
