/** Jobs that Redis has lost, by eviction or by hand: what BullMQ still knows of them keeps no run from its turn. */
import { Agent, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, bullQueue } from "asimov-agents/worker";
import { Redis } from "ioredis";
import { afterEach, describe, expect, inject, it } from "vitest";
import { nodeOf } from "../waiting/pair.ts";

const PATIENT = { timeout: 20_000 };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function setUp() {
  const url = inject("redisUrl");
  const prefix = crypto.randomUUID();
  const store = new RedisStore({ url, prefix: `${prefix}-runs:` });
  const raw = new Redis(url);
  closing.push(async () => raw.disconnect());
  closing.push(() => store.close());
  const queueOf = () => {
    const queue = bullQueue({ connection: url, prefix, sweepMs: 50 });
    closing.push(() => queue.close());
    return queue;
  };
  const runs = new Runs(store, { queue: queueOf() });
  const told: string[] = [];
  const start = async (work: () => unknown): Promise<void> => {
    const worker = new AgentWorker({
      agents: [new Agent({ name: "report", nodes: [nodeOf("work", work)] })],
      store,
      queue: queueOf(),
      onRefused: (error) => void told.push(error.message),
    });
    closing.push(() => worker.stop({ graceMs: 0 }));
    await worker.start();
  };
  const submit = async (id: string, delayMs = 0): Promise<void> => {
    await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "report", ...(delayMs > 0 ? { delayMs } : {}) });
  };
  const ends = async (id: string): Promise<string> => {
    for await (const { status } of runs.watch(id)) if (status === "COMPLETE") return status;
    return (await runs.get(id)).status;
  };
  const keyOf = (of: string): string => `${prefix}:asimov.report:${of}`;
  const jobOf = async (id: string): Promise<string> => keyOf((await raw.get(keyOf(`de:${id}`))) ?? "none");
  const lost = async (key: string): Promise<void> => expect(await raw.del(key)).toBe(1);
  return { raw, told, start, submit, ends, keyOf, jobOf, lost };
}

describe("a job that Redis has lost", () => {
  it.each<[string, number, (place: ReturnType<typeof setUp>) => Promise<void>]>([
    ["its job", 0, async ({ lost, jobOf }) => lost(await jobOf("t"))],
    ["the list that it waits in", 0, ({ lost, keyOf }) => lost(keyOf("prioritized"))],
    ["the list of what is delayed", 300, ({ lost, keyOf }) => lost(keyOf("delayed"))],
  ])("gives a run its turn that lost %s", async (_, delayMs, lose) => {
    const place = setUp();
    await place.submit("t", delayMs);
    // A submit waits for its queue for so long, and no longer.
    await expect.poll(() => place.raw.exists(place.keyOf("de:t")), PATIENT).toBe(1);
    const job = await place.jobOf("t");
    await lose(place);
    await place.start(() => "done");
    expect(await place.ends("t")).toBe("COMPLETE");
    await expect.poll(() => place.raw.exists(place.keyOf("de:t")), PATIENT).toBe(0);
    // Nothing that no list leads to stays for ever.
    await expect
      .poll(async () => (await place.raw.exists(job)) === 0 || (await place.raw.hexists(job, "finishedOn")) === 1, PATIENT)
      .toBe(true);
    expect(place.told).toEqual([]);
  });

  it("is no trouble where a run has the turn, which goes on to its end", async () => {
    const { raw, told, start, submit, ends, keyOf } = setUp();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    await start(() => {
      begin();
      return ended;
    });
    await submit("t");
    await begun;
    await raw.del(...(await raw.keys(keyOf("*"))));
    end();
    expect(await ends("t")).toBe("COMPLETE");
    // BullMQ has tried to note the end of the first one by then.
    await submit("after");
    expect(await ends("after")).toBe("COMPLETE");
    expect(told).toEqual([]);
  });
});
