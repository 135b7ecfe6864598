/** Events that are unread, chains before a chain, and the conversation of an error. */
import { Agent, ChatRole, defineModule, defineTool, Node } from "../../src/index.ts";
import { ScriptedInferenceClient } from "../../src/testing.ts";
import type { Trial } from "../trial.ts";
import { newTask, runOnce } from "./ours.ts";

/** Emits so many events, which are read when the run has ended. */
export function eventsTrial(count: number): Trial {
  const noisy = defineModule({
    name: "noisy",
    async process({ emit }) {
      for (let index = 0; index < count; index++) emit({ type: "tick", index });
      return { status: "success" };
    },
  });
  const agent = new Agent({ nodes: [new Node({ name: "noisy", modules: [noisy] })] });
  return {
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
async function timesOfChains(): Promise<number[]> {
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
  await runOnce(new Agent({ nodes: [new Node({ name: "work", modules: [work] })] }));
  return times;
}

/** The same; of each round. */
export async function chainTimes(rounds: number): Promise<number[][]> {
  const times: number[][] = [];
  for (let round = 0; round < rounds; round++) times.push(await timesOfChains());
  return times;
}

const PIECE = "lorem ipsum dolor sit amet ";
const WORDS = "The request was refused by the gateway because of policy number forty two and nothing else; ".repeat(4).slice(0, 290);

export function callTrial(isRefused: boolean, megabytes: number): Trial {
  const text = PIECE.repeat((megabytes * 1e5) / PIECE.length);
  const messages = Array.from({ length: 11 }, (_, index) => ({
    role: index % 2 === 0 ? ChatRole.USER : ChatRole.ASSISTANT,
    content: index === 10 ? "Go" : text + index,
  }));
  return {
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
