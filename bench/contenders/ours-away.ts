/** Runs of one process as another one sees them: how soon what they and their models tell is heard, and how soon one acts on its cancel. */
import { Agent, ChatRole, defineModule, Node, Runs, Task } from "../../src/index.ts";
import { ScriptedInferenceClient } from "../../src/testing.ts";
import { type Kind, storeIn } from "./ours-stores.ts";

const EVENTS = 50;
const EACH_MS = 20;
/** Of a model's answer, as many as events. */
const ANSWER = { text: "x".repeat(EVENTS), chunks: EVENTS, chunkDelayMs: EACH_MS };
const QUESTION = [{ role: ChatRole.USER, content: "Tell" }];
const runId = (round: number): string => `run-${round}`;

/** By `Date.now`, which both processes share. */
export interface Heard {
  /** Milliseconds of each event. */
  late: number[];
  /** Of each delta of a model's answer. */
  lateDeltas: number[];
  /** When each run was asked to end. */
  cancelledAt: number[];
}

/** Owns one run after the other, and gives the moments at which it acted on their cancels. */
export async function ownRuns(kind: Kind, place: string, rounds: number): Promise<number[]> {
  const store = storeIn(kind, place);
  const actedAt: number[] = [];
  const client = new ScriptedInferenceClient(Array.from({ length: rounds }, () => ["Hello", ANSWER]).flat());
  const telling = defineModule({
    name: "tell",
    config: { timeoutMs: Number.POSITIVE_INFINITY },
    process: async ({ emit, signal }) => {
      // From then on it knows whether somebody listens.
      await client.generate(QUESTION, { signal });
      for (let event = 0; event < EVENTS; event++) {
        emit({ type: "beat", at: Date.now() });
        await new Promise((done) => setTimeout(done, EACH_MS));
      }
      await client.generate(QUESTION, { signal });
      emit({ type: "answered" });
      await new Promise<void>((resolve) => {
        const acted = (): void => {
          actedAt.push(Date.now());
          resolve();
        };
        if (signal.aborted) acted();
        else signal.addEventListener("abort", acted, { once: true });
      });
      return { status: "success" };
    },
  });
  const agent = new Agent({ name: "away", store, nodes: [new Node({ name: "tell", modules: [telling] })] });
  for (let round = 0; round < rounds; round++) await agent.runTask(new Task({ id: runId(round), type: "bench", objective: "Tell" }));
  await store.close();
  return actedAt;
}

/** Listens to each run from its start, and has it end when it has told everything. */
export async function hearRuns(kind: Kind, place: string, rounds: number): Promise<Heard> {
  const store = storeIn(kind, place);
  const runs = new Runs(store);
  const heard: Heard = { late: [], lateDeltas: [], cancelledAt: [] };
  for (let round = 0; round < rounds; round++) {
    const id = runId(round);
    while ((await store.read(id)) === undefined) await new Promise((done) => setTimeout(done, 5));
    for await (const event of runs.events(id, { deltas: true })) {
      if (event.type === "model.delta" && event.part.type === "text-delta" && event.part.text === "x")
        heard.lateDeltas.push(Date.now() - event.at);
      if (event.type !== "module.emitted") continue;
      if (event.event.type === "beat") heard.late.push(Date.now() - Number(event.event.at));
      if (event.event.type !== "answered") continue;
      heard.cancelledAt.push(Date.now());
      await runs.cancel(id);
    }
  }
  await store.close();
  return heard;
}
