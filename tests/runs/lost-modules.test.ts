/** So many owners of a run may be lost while one attempt of a module works, and no more: the module fails, and the rest of the run goes on. */
import {
  Agent,
  type AgentOptions,
  type AgentRun,
  ChatRole,
  defineTool,
  type ModuleContext,
  Node,
  type NodeConfig,
  type ParkedRun,
  type RunStore,
  Runs,
  type TaskOutcome,
} from "asimov-agents";
import { ScriptedInferenceClient, SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { moduleOf } from "../waiting/pair.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

const LEASE_MS = 1_000;
/** Until what a run has told is stored. */
const TOLD_MS = 100;

type Work = (context: ModuleContext) => unknown;
type Ended = TaskOutcome | ParkedRun;

interface Place {
  clock: SimulatedClock;
  store: RunStore;
  nodes: (works: () => void) => Node[];
  options?: Partial<AgentOptions>;
}

/** An owner of the run `t`, and when a module of it says that it works. */
function ownerOf({ clock, store, nodes, options }: Place) {
  const { promise: works, resolve } = Promise.withResolvers<void>();
  const agent = new Agent({ name: "a", nodes: nodes(resolve), store, clock, leaseMs: LEASE_MS, maxLost: 3, ...options });
  return { agent, works };
}

/** Nothing of it is given back: it is as if its process was gone. */
async function lose(run: AgentRun<Ended>, clock: SimulatedClock): Promise<void> {
  run.outcome.catch(() => {});
  run.actor.stop();
  await clock.advance(LEASE_MS + 1);
}

const goOn = async (agent: Agent): Promise<AgentRun<Ended>> => {
  const known = await all(agent.runs.find());
  return known.length === 0 ? agent.start(taskOf()) : await agent.resume("t", { whenWaiting: "park" });
};

/** Owner after owner is lost while it works, until one comes to the end. @param livesMs for which each of them works */
async function untilEnd(place: Place, livesMs = TOLD_MS): Promise<{ lost: number; ended: TaskOutcome }> {
  for (let lost = 0; lost < 40; lost++) {
    const { agent, works } = ownerOf(place);
    const run = await goOn(agent);
    const ended = await place.clock.runUntil(Promise.race([works, run.outcome]));
    if (ended !== undefined) return { lost, ended: ended as TaskOutcome };
    await place.clock.advance(livesMs);
    await lose(run, place.clock);
  }
  throw new Error("It never ends.");
}

/** It works until its process is gone. */
const hangs =
  (works: () => void): Work =>
  ({ signal }) => {
    works();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
const nodeOf = (name: string, work: Work, more: { dependencies?: string[]; nodeConfig?: NodeConfig } = {}): Node =>
  new Node({ name, modules: [moduleOf(name, work)], ...more });

/** What became of each node. */
const statuses = async (store: RunStore): Promise<string[]> =>
  Object.entries((await new Runs(store).get("t")).nodes).map(([name, { status }]) => `${name} ${status}`);
const errorOf = async (store: RunStore, node: string) => (await new Runs(store).get("t")).errors.find((error) => error.node === node);

describe.each([true, false])("a module whose process is lost (compiled: %s)", (compile) => {
  describe.each(storesOf())("on %s", (_, make) => {
    const open = opening(make);
    const placeOf = (nodes: Place["nodes"], options: Partial<AgentOptions> = {}): Place => {
      const clock = new SimulatedClock();
      return { clock, store: open({ clock }), nodes, options: { compile, ...options } };
    };

    it("is begun as often as it may be lost, and then fails for good, while the rest of the run goes on", async () => {
      const begun: string[] = [];
      const place = placeOf((works) => [
        nodeOf("beside", () => void begun.push("beside")),
        nodeOf("poison", (context) => {
          begun.push(`poison ${context.attemptKey}`);
          return hangs(works)(context);
        }),
        nodeOf("after", () => void begun.push("after"), { dependencies: ["beside"] }),
        nodeOf("never", () => void begun.push("never"), { dependencies: ["poison"] }),
      ]);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status]).toEqual([3, "PARTIAL"]);
      expect(begun.toSorted()).toEqual(["after", "beside", ...Array(3).fill("poison t/poison.1.1/poison")]);
      expect(await statuses(place.store)).toEqual(["beside COMPLETE", "poison FAILED", "after COMPLETE", "never WAITING"]);
      const error = await errorOf(place.store, "poison");
      expect(error).toMatchObject({ module: "poison", code: "module-lost" });
      expect(error?.error).toMatch(/3 processes in a row were lost .* event loop .* \(leaseMs, 1000\).* raise maxLost/);
    });

    /** Of the first owner, its last commit may hold that the module had begun, or not. */
    const THREE_THAT_ARE_KNOWN = [3, 4];

    it("fails also where each process is gone before anything is stored of its beginning, one loss later at most", async () => {
      const place = placeOf((works) => [nodeOf("poison", hangs(works))]);
      const { lost, ended } = await untilEnd(place, 0);
      expect(THREE_THAT_ARE_KNOWN).toContain(lost);
      expect(ended.status).toBe("FAILED");
    });

    it("fails also where nothing is stored for its sake, and nothing waits until it is", async () => {
      const nodes: Place["nodes"] = (works) => [nodeOf("first", () => {}), nodeOf("poison", hangs(works), { dependencies: ["first"] })];
      const place = placeOf(nodes, { snapshot: "ONCE", durability: "async" });
      const { lost, ended } = await untilEnd(place, 0);
      expect(THREE_THAT_ARE_KNOWN).toContain(lost);
      expect(ended.status).toBe("PARTIAL");
    });

    it("fails in a nested graph, and with it what is around it", async () => {
      const place = placeOf((works) => [new Node({ name: "outer", type: "SUBGRAPH", nodes: [nodeOf("poison", hangs(works))] })]);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status]).toEqual([3, "FAILED"]);
      expect(await errorOf(place.store, "outer")).toMatchObject({ code: "module-lost" });
    });

    /** Does one more of its steps in each owner, and then works until its process is gone. */
    const stepping =
      (steps: number, works: () => void): Work =>
      async (context) => {
        for (let at = 0; at < steps; at++) {
          let isNew = false;
          await context.step("part", () => {
            isNew = true;
          });
          if (isNew) return await hangs(works)(context);
        }
        return undefined;
      };

    it("goes on as long as it keeps something, such as a step, between two losses", async () => {
      const place = placeOf((works) => [nodeOf("long", stepping(8, works))]);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status]).toEqual([8, "COMPLETE"]);
    });

    it("fails where what it has kept is from before the losses", async () => {
      const place = placeOf((works) => [
        nodeOf("stuck", async (context) => {
          await stepping(2, works)(context);
          return await hangs(works)(context);
        }),
      ]);
      const { lost, ended } = await untilEnd(place);
      // By the first two owners one step each, found by those that follow.
      expect([lost, ended.status]).toEqual([4, "FAILED"]);
    });

    /** A chain whose tool works until its process is gone, in each call that is new; where it is stuck in all of them. */
    const chain = (turns: number, isStuck = false) => {
      const begun = new Set<string>();
      const client = new ScriptedInferenceClient([
        ...Array.from({ length: turns }, (_, at) => ({ toolCalls: [{ name: "look", id: `call-${at}`, input: {} }] })),
        "Done.",
      ]);
      const work =
        (works: () => void): Work =>
        async (context) => {
          const run = async (_: unknown, { idempotencyKey }: { idempotencyKey: string }): Promise<string> => {
            const isNew = !begun.has(idempotencyKey);
            begun.add(idempotencyKey);
            if (isNew || isStuck) await hangs(works)(context);
            return "seen";
          };
          const look = defineTool({ name: "look", description: "Looks", input: z.object({}), run });
          const { signal } = context;
          return (await client.toolChain([{ role: ChatRole.USER, content: "Look." }], [look], { signal })).text;
        };
      return { work, begun };
    };

    it("goes on as long as its tool chain comes further between two losses", async () => {
      const { work, begun } = chain(6);
      const place = placeOf((works) => [nodeOf("chain", work(works))]);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status, begun.size]).toEqual([6, "COMPLETE", 6]);
    });

    it("fails where its tool chain does not come further", async () => {
      const { work, begun } = chain(1, true);
      const place = placeOf((works) => [nodeOf("chain", work(works))]);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status, begun.size]).toEqual([3, "FAILED", 1]);
    });

    it("is not counted for owners that put the run down, and counts on behind them", async () => {
      const place = placeOf((works) => [nodeOf("poison", hangs(works))]);
      for (const how of ["parked", "lost", "parked", "parked", "parked", "lost", "parked", "parked"]) {
        const { agent, works } = ownerOf(place);
        const run = await goOn(agent);
        await place.clock.runUntil(works);
        await place.clock.advance(TOLD_MS);
        if (how === "lost") await lose(run, place.clock);
        else {
          run.outcome.catch(() => {});
          await place.clock.runUntil(run.park());
        }
      }
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status]).toEqual([1, "FAILED"]);
    });

    it("is not counted for an owner from which the run was taken", async () => {
      const place = placeOf((works) => [nodeOf("work", hangs(works))], { maxLost: 1 });
      const left: AgentRun<Ended>[] = [];
      for (let taken = 0; taken < 4; taken++) {
        const { agent, works } = ownerOf(place);
        const run = taken === 0 ? agent.start(taskOf()) : await agent.resume("t", { takeOver: true });
        run.outcome.catch(() => {});
        await place.clock.runUntil(works);
        await place.clock.advance(TOLD_MS);
        left.push(run);
      }
      expect(await statuses(place.store)).toEqual(["work EXECUTING"]);
      for (const run of left) run.actor.stop();
    });

    it("is not counted while it waits for something outside", async () => {
      const place = placeOf((works) => [
        nodeOf("sleeper", async ({ sleep }) => {
          works();
          await sleep(20 * LEASE_MS);
        }),
      ]);
      place.options = { ...place.options, maxLost: 1 };
      for (let lost = 0; lost < 4; lost++) {
        const { agent, works } = ownerOf(place);
        const known = await all(agent.runs.find());
        const run = known.length === 0 ? agent.start(taskOf()) : await agent.resume("t");
        await place.clock.runUntil(works);
        await place.clock.advance(TOLD_MS);
        await lose(run, place.clock);
      }
      const run = await ownerOf(place).agent.resume("t");
      expect((await place.clock.runUntil(run.outcome)).status).toBe("COMPLETE");
    });

    it("is counted anew by a retry of the run, which may mend it", async () => {
      const place = placeOf((works) => [nodeOf("poison", hangs(works))]);
      expect((await untilEnd(place)).lost).toBe(3);
      const { agent, works } = ownerOf(place);
      const run = await agent.retry("t");
      await place.clock.runUntil(works);
      await place.clock.advance(TOLD_MS);
      await lose(run, place.clock);
      const { lost, ended } = await untilEnd(place);
      expect([lost, ended.status]).toEqual([2, "FAILED"]);
      const mended = await ownerOf({ ...place, nodes: () => [nodeOf("poison", () => "well")] }).agent.retry("t");
      expect(await place.clock.runUntil(mended.outcome)).toMatchObject({ status: "COMPLETE", results: { poison: "well" } });
    });

    it("begins its count anew in a fork", async () => {
      const place = placeOf((works) => [nodeOf("poison", hangs(works))]);
      for (let lost = 0; lost < 2; lost++) {
        const { agent, works } = ownerOf(place);
        const run = await goOn(agent);
        await place.clock.runUntil(works);
        await place.clock.advance(TOLD_MS);
        await lose(run, place.clock);
      }
      const { agent, works } = ownerOf(place);
      const fork = await agent.fork("t", { taskId: "fork" });
      await place.clock.runUntil(works);
      await place.clock.advance(TOLD_MS);
      await lose(fork, place.clock);
      const heir = ownerOf(place);
      const run = await heir.agent.resume("fork");
      expect(await place.clock.runUntil(Promise.race([heir.works, run.outcome]))).toBe(undefined);
      run.outcome.catch(() => {});
      run.actor.stop();
    });

    it("fails, and not what works beside it and is taken along", async () => {
      const ended: string[] = [];
      const place = placeOf(
        (works) => [
          nodeOf("poison", hangs(works)),
          nodeOf("slow", async ({ signal }) => {
            await new Promise<void>((resolve, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
              place.clock.setTimeout(resolve, 5_000);
            });
            ended.push("slow");
          }),
          nodeOf("poison too", hangs(works)),
        ],
        { maxLost: 4 },
      );
      const outcome = await untilEnd(place);
      expect([outcome.ended.status, ended]).toEqual(["PARTIAL", ["slow"]]);
      expect(await statuses(place.store)).toEqual(["poison FAILED", "slow COMPLETE", "poison too FAILED"]);
      // Twice together, and then twice each.
      expect(outcome.lost).toBe(6);
    });
  });
});

describe("how many owners may be lost", () => {
  it.each([0, -1, 1.5, "3"])("is not %s", (maxLost) => {
    expect(() => new Agent({ nodes: [], maxLost: maxLost as number })).toThrow(/maxLost/);
  });
});
