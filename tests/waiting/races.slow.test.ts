/**
 * Answers, deadlines, cancels, wakes and messages that come at once to runs that wait, are put down and taken up, on every driver: each question is closed
 * once, by what its run goes on with, and no run sleeps on what has come.
 */
import {
  Agent,
  type AgentModule,
  type AgentRun,
  type Clock,
  defineModule,
  defineQuestion,
  Node,
  type ParkedRun,
  type Question,
  type RunStore,
  Runs,
  Task,
  type TaskOutcome,
} from "asimov-agents";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type Make, storesOf } from "../runs/stores.ts";
import { counted, IS_LONG, LONG_MS, SEED } from "../support/long.ts";

const RACES = counted(100, 10_000);
const BATCHES_OF = 100;

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The store, each of whose answers takes a few turns. */
function slowed(store: RunStore, random: Random): RunStore {
  const wait = async (): Promise<void> => {
    if (random(3) === 0) await turns(random(4));
  };
  return new Proxy(store, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== "function") return found;
      const call = (...given: unknown[]): unknown => Reflect.apply(found, target, given);
      if (name === "subscribe") return call;
      return async (...given: unknown[]) => {
        await wait();
        const answer = await call(...given);
        await wait();
        return answer;
      };
    },
  });
}

interface Place {
  readonly name: string;
  readonly store: RunStore;
  readonly runs: Runs;
  readonly clock: RunningClock;
  readonly random: Random;
  /** Settles after so many turns at most, so that what is raced comes in any order. */
  soon(most?: number): Promise<void>;
}

type Outcome = TaskOutcome | ParkedRun;
type Resumed = AgentRun<Outcome> | undefined;

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
/** Undefined where it was taken, else why not. */
const refusalOf = async (work: Promise<unknown>): Promise<unknown> => await work.then(() => undefined, codeOf);

const approve = (deadlineMs: number) =>
  defineQuestion({ name: "approve", answer: z.object({ by: z.int() }), deadlineMs, onDeadline: { answer: { by: 0 } } });
const reads = defineModule({
  name: "reads",
  process: async ({ receive }) => ({ status: "success", result: [await receive("news"), await receive("news")] }),
});
const sleeps = (first: number, second: number) =>
  defineModule({
    name: "sleeps",
    process: async ({ sleep }) => {
      await sleep(first);
      await sleep(second);
      return { status: "success", result: "woken" };
    },
  });

const agentOf = ({ store, clock }: Place, module: AgentModule): Agent =>
  new Agent({ name: "raced", store, clock, leaseMs: 3_600_000, nodes: [new Node({ name: "waits", modules: [module] })] });

const taskOf = (id: string) => new Task({ id, type: "test", objective: "Be raced for" });

/** The question that a run asks; undefined where it was over before anybody saw it. */
async function asked({ runs }: Place, taskId: string, run: AgentRun<Outcome>): Promise<Question | undefined> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  void run.outcome.then(({ status }) => status === "PARKED" || over(), over);
  for (;;) {
    for await (const found of runs.questions({ taskId })) return found;
    if (isOver) return undefined;
    await turns(1);
  }
}

/** A run that has asked: held in memory, or put down and taken up by somebody just then. */
async function waiting(place: Place, agent: Agent, id: string): Promise<{ open: Question | undefined; run: () => Promise<Resumed> }> {
  const isHeld = place.random(2) === 0;
  const run = agent.start(taskOf(id), { whenWaiting: isHeld ? "hold" : "park" });
  const open = await asked(place, id, run);
  if (isHeld) return { open, run: async () => run };
  if ((await run.outcome).status !== "PARKED") return { open: undefined, run: async () => run };
  const resume = async (): Promise<Resumed> => {
    await place.soon();
    return await agent.resume(id, { whenWaiting: "park" }).catch((error: unknown) => {
      expect(codeOf(error)).toBe("run-ended");
      return undefined;
    });
  };
  return { open, run: resume };
}

/** As whoever takes up what is READY would: gone on with until it has ended. One that sleeps on what has come would never. @param isSure settles when there is something to go on with */
async function ended({ runs }: Place, agent: Agent, id: string, first: Promise<Resumed>, isSure: () => Promise<unknown>): Promise<unknown> {
  let outcome = await (await first)?.outcome;
  for (let tries = 0; outcome?.status === "PARKED"; tries++) {
    await isSure();
    const { status } = await runs.get(id);
    if (status === "CANCELLED") return status;
    expect({ id, status }).toEqual({ id, status: "READY" });
    expect(tries).toBeLessThan(20);
    const resumed = await agent.resume(id, { whenWaiting: "park" }).catch((error: unknown) => {
      expect(codeOf(error)).toBe("run-ended");
      return undefined;
    });
    outcome = await resumed?.outcome;
  }
  const { status, questions } = await runs.get(id);
  expect({ id, questions }).toEqual({ id, questions: [] });
  if (outcome !== undefined) expect({ id, status: status === "CANCELLED" ? "FAILED" : status }).toEqual({ id, status: outcome.status });
  return outcome?.status === "COMPLETE" ? outcome.results.waits : status;
}

/** How the store says that a question was closed. */
const closedAs = async ({ store }: Place, id: string): Promise<unknown> => (await store.questions({ id, limit: 1 }))[0]?.closed?.why;

const answer = (place: Place, { id }: Question, by: number, most?: number): Promise<unknown> =>
  refusalOf(place.soon(most).then(() => place.runs.answer(id, { by }, { by: String(by) })));

/** Who won. */
type Race = (place: Place, id: string) => Promise<string>;

interface Kind {
  race: Race;
  winners: readonly string[];
}

const KINDS: Record<string, Kind> = {
  "answer against deadline": {
    winners: ["answered", "deadline"],
    async race(place, id) {
      const agent = agentOf(place, approve(20 + place.random(60)));
      const { open, run } = await waiting(place, agent, id);
      if (open === undefined) return "deadline";
      const answering = answer(place, open, 1, 400);
      const result = await ended(place, agent, id, run(), () => place.clock.advanced(80));
      const refused = await answering;
      const why = await closedAs(place, open.id);
      const expected = refused === undefined ? { result: { by: 1 }, why: "answered" } : { result: { by: 0 }, why: "deadline" };
      expect({ id, result, why }).toEqual({ id, ...expected });
      expect([undefined, "question-closed"]).toContain(refused);
      return String(why);
    },
  },
  "answer against answer": {
    winners: ["1", "2", "3"],
    async race(place, id) {
      const agent = agentOf(place, approve(3_600_000));
      const { open, run } = await waiting(place, agent, id);
      const answering = Promise.all([1, 2, 3].map((by) => answer(place, open as Question, by)));
      const result = (await ended(place, agent, id, run(), () => answering)) as { by: number };
      const refused = await answering;
      const winners = [1, 2, 3].filter((by) => refused[by - 1] === undefined);
      const others = refused.filter((code) => code === "question-closed").length;
      expect({ id, winners, others }).toEqual({ id, winners: [result.by], others: 2 });
      return String(result.by);
    },
  },
  "answer against cancel": {
    winners: ["answered", "cancelled"],
    async race(place, id) {
      const agent = agentOf(place, approve(3_600_000));
      const { open, run } = await waiting(place, agent, id);
      const answering = answer(place, open as Question, 1);
      const cancelling = refusalOf(place.soon().then(() => place.runs.cancel(id, "enough")));
      const result = await ended(place, agent, id, run(), () => Promise.all([answering, cancelling]));
      const refused = await answering;
      const cancelled = await cancelling;
      const why = await closedAs(place, (open as Question).id);
      expect([undefined, "run-ended"]).toContain(cancelled);
      expect([undefined, "question-closed"]).toContain(refused);
      expect({ id, why }).toEqual({ id, why: refused === undefined ? "answered" : "cancelled" });
      // One that has its answer may be cancelled after that.
      if (result !== "CANCELLED") expect({ id, result, refused }).toEqual({ id, result: { by: 1 }, refused: undefined });
      if (cancelled === "run-ended") expect({ id, result }).toEqual({ id, result: { by: 1 } });
      return String(why);
    },
  },
  "wake against park": {
    winners: ["READY", "PARKED"],
    async race(place, id) {
      const agent = agentOf(place, sleeps(1 + place.random(20), 1 + place.random(20)));
      const run = agent.start(taskOf(id), { whenWaiting: "park" });
      await run.outcome;
      const { status } = await place.runs.get(id);
      const result = await ended(place, agent, id, Promise.resolve(run), () => place.clock.advanced(20));
      expect({ id, result }).toEqual({ id, result: "woken" });
      return status;
    },
  },
  "message against park": {
    winners: ["COMPLETE", "PARKED", "run-parked"],
    async race(place, id) {
      const agent = agentOf(place, reads);
      const run = agent.start(taskOf(id), { whenWaiting: place.random(2) === 0 ? "park" : "hold" });
      while ((await refusalOf(place.runs.get(id))) !== undefined) await turns(1);
      if (place.random(2) === 0)
        void place
          .soon()
          .then(() => run.park())
          .catch(() => {});
      const send = async (text: number): Promise<unknown> => {
        await place.soon();
        const once = () => place.runs.send(id, "news", text, { id: String(text) });
        return await refusalOf(once().then(once));
      };
      const sending = Promise.all([send(1), send(2)]);
      let how = "";
      const first = run.outcome.then(
        ({ status }): Resumed => {
          how = status;
          return run;
        },
        async (error: unknown) => {
          how = String(codeOf(error));
          expect(how).toBe("run-parked");
          return await agent.resume(id, { whenWaiting: "park" });
        },
      );
      const result = (await ended(place, agent, id, first, () => sending)) as number[];
      expect({ id, result: [...result].sort() }).toEqual({ id, result: [1, 2] });
      for (const refused of await sending) expect([undefined, "run-ended"]).toContain(refused);
      return how;
    },
  },
};

/** Time passes while somebody works, and waits for nobody. */
class RunningClock implements Clock {
  #now = Date.UTC(2000, 0, 1);
  readonly #timers = new Map<object, { at: number; fire: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(fire: () => void, ms: number): object {
    const timer = {};
    this.#timers.set(timer, { at: this.#now + Math.max(0, ms), fire });
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as object);
  }

  /** Settles when so many milliseconds have passed. */
  advanced(ms: number): Promise<void> {
    return new Promise((resolve) => this.setTimeout(resolve, ms));
  }

  async runWhile(work: Promise<unknown>, random: Random): Promise<void> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    for (; !isOver; this.#now++) {
      await turns(1 + random(10));
      for (const [timer, { at, fire }] of this.#timers) {
        if (at > this.#now) continue;
        this.#timers.delete(timer);
        fire();
      }
    }
  }
}

/** Who is first is a matter of how busy the machine is, too: there are more of them, ten times as many at most, until each was. */
async function racesOf(make: Make, name: string, { race, winners }: Kind): Promise<Map<string, number>> {
  const random = randomOf(SEED);
  const won = new Map<string, number>();
  const least = RACES / BATCHES_OF;
  for (let batch = 0; batch < least || (batch < 10 * least && winners.some((winner) => !won.has(winner))); batch++) {
    const clock = new RunningClock();
    const store = slowed(make({ clock }), random);
    const place: Place = {
      name,
      store,
      clock,
      random,
      runs: new Runs(store, { clock }),
      soon: (most = 40) => turns(random(most)),
    };
    const racing: Promise<string>[] = [];
    for (let each = 0; each < BATCHES_OF; each++) racing.push(race(place, `race-${batch}-${each}`));
    const all = Promise.allSettled(racing);
    await clock.runWhile(all, random);
    for (const winner of await Promise.all(racing)) won.set(winner, (won.get(winner) ?? 0) + 1);
    await store.close();
  }
  return won;
}

describe.each(storesOf())(`races at a run that waits (%s, seed ${SEED})`, (name, make) => {
  it.each(Object.entries(KINDS))(
    `are won by one each time, and nothing is lost: ${RACES} of %s`,
    { timeout: LONG_MS },
    async (kind, raced) => {
      const started = performance.now();
      const won = await racesOf(make, name, raced);
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      if (IS_LONG) process.stdout.write(`${name}: ${kind}: ${JSON.stringify(Object.fromEntries(won))} in ${seconds} s\n`);
      for (const winner of raced.winners) expect(won.get(winner) ?? 0, winner).toBeGreaterThan(0);
    },
  );
});
