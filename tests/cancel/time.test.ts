import { Agent, type Clock, defineModule, Node } from "asimov-agents";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createActor, setup } from "xstate";
import { aborted, gate, newTask, succeeding, waiting } from "./fixture.ts";

const DAY = 24 * 3_600_000;

/** Time alone: turns of the event loop stay the platform's. */
const useFakeTimers = (): void => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
};

/** Tells of its own timers alone: files that ran before in this process may have left some. */
function countingClock() {
  const open = new Set<unknown>();
  const clock: Clock = {
    now: () => Date.now(),
    setTimeout: (fire, ms) => {
      const timer = setTimeout(() => {
        open.delete(timer);
        fire();
      }, ms);
      open.add(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      open.delete(timer);
      clearTimeout(timer as NodeJS.Timeout);
    },
  };
  return { clock, open };
}

describe("time", () => {
  afterEach(() => vi.useRealTimers());

  it("lets no time limit of 30 days strike before its time, of a module or of a node", async () => {
    for (const config of [
      { module: { timeoutMs: 30 * DAY } },
      { module: { timeoutMs: Number.POSITIVE_INFINITY }, node: { timeoutMs: 30 * DAY } },
    ]) {
      useFakeTimers();
      const entered = gate<unknown>();
      const { clock, open } = countingClock();
      const run = new Agent({
        clock,
        nodes: [
          new Node({
            name: "long",
            nodeConfig: { maxRetries: 1 },
            modules: [waiting("long", entered.open, { config: config.module })],
            ...(config.node === undefined ? {} : { config: config.node }),
          }),
        ],
      }).start(newTask());
      let isEnded = false;
      void run.outcome.then(() => {
        isEnded = true;
      });
      await entered.opened;
      await vi.advanceTimersByTimeAsync(30 * DAY - 1);
      expect(isEnded).toBe(false);
      expect(open.size).toBeGreaterThan(0);
      await vi.advanceTimersByTimeAsync(1);
      const { task } = await run.outcome;
      expect(task.error).toBe(`${config.node === undefined ? "Module long" : 'Node "long"'} timed out after ${30 * DAY} ms`);
      expect(open.size).toBe(0);
      vi.useRealTimers();
    }
  });

  it("waits 30 days before the next attempt where it is told to", async () => {
    useFakeTimers();
    const attempts: number[] = [];
    const failed = gate<unknown>();
    const { clock, open } = countingClock();
    const run = new Agent({
      clock,
      nodes: [
        new Node({
          name: "retried",
          nodeConfig: { backoff: { initialMs: 30 * DAY, maxMs: 40 * DAY } },
          modules: [
            defineModule({
              name: "retried",
              async process({ node }) {
                attempts.push(node.attempt);
                if (node.attempt > 1) return { status: "success" };
                failed.open(undefined);
                throw new Error("again");
              },
            }),
          ],
        }),
      ],
    }).start(newTask());
    await failed.opened;
    await vi.advanceTimersByTimeAsync(30 * DAY - 1);
    expect(attempts).toEqual([1]);
    await vi.advanceTimersByTimeAsync(1);
    expect((await run.outcome).status).toBe("COMPLETE");
    expect(attempts).toEqual([1, 2]);
    expect(open.size).toBe(0);
  });

  it("lets a module wait 30 days for a message", async () => {
    useFakeTimers();
    const entered = gate<unknown>();
    const { clock, open } = countingClock();
    const run = new Agent({
      clock,
      nodes: [
        new Node({
          name: "patient",
          modules: [
            defineModule({
              name: "patient",
              config: { timeoutMs: Number.POSITIVE_INFINITY },
              async process({ values, signal }) {
                const message = values.getMessage("inbox", { timeoutMs: 30 * DAY, signal });
                entered.open(undefined);
                return { status: "success", result: await message };
              },
            }),
          ],
        }),
      ],
    }).start(newTask());
    await entered.opened;
    await vi.advanceTimersByTimeAsync(29 * DAY);
    await run.send("inbox", "in time");
    expect((await run.outcome).nodes.patient?.results[0]?.result).toBe("in time");
    expect(open.size).toBe(0);
  });

  it("leaves no timer when a run ends in any way", async () => {
    useFakeTimers();
    const slow = (name: string) => waiting(name, () => {}, { config: { timeoutMs: 50 } });
    const { clock, open } = countingClock();
    const agent = new Agent({
      clock,
      nodes: [
        new Node({ name: "in time", config: { timeoutMs: 1_000 }, modules: [succeeding("in time")] }),
        new Node({ name: "late", nodeConfig: { maxRetries: 2 }, config: { timeoutMs: 1_000 }, modules: [slow("late")] }),
        new Node({
          name: "race",
          config: { stopOnSuccess: true },
          nodeConfig: { parallel: true },
          modules: [succeeding("fast"), slow("slow")],
        }),
      ],
    });
    const run = agent.start(newTask());
    await vi.advanceTimersByTimeAsync(200);
    const outcome = await run.outcome;
    expect(outcome.nodes.late).toMatchObject({ status: "error", error: "Module late timed out after 50 ms", code: "timeout" });
    expect(outcome.nodes.race).toMatchObject({ status: "success" });
    expect(open.size).toBe(0);
  });
});

describe("many cancelled runs", () => {
  it("give back their permits", async () => {
    const entered: (() => void)[] = [];
    const agent = new Agent({
      maxConcurrentTasks: 1,
      nodes: [new Node({ name: "a", modules: [waiting("a", () => entered.shift()?.())] })],
    });
    for (let round = 0; round < 5; round++) {
      const arrived = gate();
      entered.push(arrived.open);
      const runs = [agent.start(newTask()), agent.start(newTask()), agent.start(newTask())];
      await arrived.opened;
      await Promise.all(runs.map((run) => run.cancel()));
    }
    const last = gate();
    entered.length = 0;
    entered.push(last.open);
    const run = agent.start(newTask());
    await last.opened;
    expect((await run.cancel()).status).toBe("FAILED");
  });
});

describe("stopping the machine that embeds an agent", () => {
  it("aborts its modules, closes its generators, gives back its permits, and leaves no timer", async () => {
    const entered = gate<unknown>();
    const inner = gate<unknown>();
    const closed: string[] = [];
    const reasons: string[] = [];
    const waits = (name: string, arrive: (value: unknown) => void) =>
      waiting(name, ({ signal }) => {
        arrive(undefined);
        void aborted(signal).then((reason) => reasons.push(`${name}: ${(reason as Error).message}`));
      });
    const generator = (name: string) =>
      defineModule({
        name,
        async *process() {
          try {
            for (;;) yield { status: "success" as const };
          } finally {
            closed.push(name);
          }
        },
      });
    const agent = new Agent({
      maxConcurrentTasks: 2,
      nodes: [
        new Node({ name: "yields", modules: [generator("outer generator")] }),
        new Node({ name: "slow", dependencies: ["yields"], config: { timeoutMs: 1_000_000 }, modules: [waits("slow", entered.open)] }),
        new Node({
          name: "nested",
          dependencies: ["yields"],
          nodes: [
            new Node({ name: "inner yields", modules: [generator("inner generator")] }),
            new Node({ name: "inner slow", dependencies: ["inner yields"], modules: [waits("inner slow", inner.open)] }),
          ],
        }),
      ],
    });
    const machine = setup({ actors: { agent: agent.logic } }).createMachine({
      invoke: { src: "agent", id: "agent", input: () => ({ task: newTask() }) },
    });
    const actor = createActor(machine).start();
    await Promise.all([entered.opened, inner.opened]);
    actor.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(reasons.sort()).toEqual(["inner slow: the run was stopped", "slow: the run was stopped"]);
    expect(closed.sort()).toEqual(["inner generator", "outer generator"]);
    const again = agent.start(newTask());
    for await (const event of again.events()) if (event.type === "node.started" && event.node === "slow") break;
    expect((await again.cancel()).status).toBe("FAILED");
  });

  it("rejects the outcome of a run whose own actor was stopped", async () => {
    const entered = gate<unknown>();
    const run = new Agent({ nodes: [new Node({ name: "a", modules: [waiting("a", entered.open)] })] }).start(newTask());
    await entered.opened;
    run.actor.stop();
    await expect(run.outcome).rejects.toMatchObject({ name: "AsimovError", code: "run-stopped" });
  });
});
