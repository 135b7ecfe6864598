/** Compiled or not, a run is the same to whoever looks: its outcome, events, inspection and snapshots. */
import { Agent, type AgentOptions, MemoryStore, Node, Task } from "asimov-agents";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AnyActorRef, InspectionEvent } from "xstate";
import { compileChart } from "#compile/compile";
import { compileMachine, compilesByDefault } from "#compile/switch";
import { agentMachine } from "#machines/agent";
import { nodeMachine } from "#machines/node";
import { taskMachine } from "#machines/task";
import { toolLoopMachine } from "#machines/tool-loop";
import { deciding, deferred, failing, moduleOf, nodeOf, success, within } from "../run/support.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { loadedFrom, snapshotsOf } from "../support/snapshots.ts";

const nodes = (): Node[] => {
  let visits = 0;
  return [
    nodeOf("begin", [], undefined, { snapshot: "ALWAYS", nodeConfig: { maxVisits: 0 } }),
    new Node({
      name: "both",
      dependencies: ["begin"],
      modules: [moduleOf("a"), moduleOf("b")],
      nodeConfig: { parallel: true, maxVisits: 0 },
    }),
    nodeOf("skipped", ["begin"], undefined, { nodeConfig: { condition: "false", maxVisits: 0 } }),
    // What runs beside a jump would be a race, which a turn of the event loop decides.
    deciding("again", ["both", "skipped"], () => (visits++ < 2 ? "begin" : null)),
    new Node({ name: "around", dependencies: ["adds"], nodes: [within(1, failing("fails"))] }),
    nodeOf("adds", ["again"], () => ({ ...success(), newNodes: [nodeOf("added")] })),
  ];
};

/** What differs between two runs of one task for no reason of ours. */
const session = (actor: AnyActorRef | undefined): string | undefined => actor?.id;

function seen(event: InspectionEvent): unknown {
  const { type, actorRef } = event;
  const about = { type, actor: session(actorRef as AnyActorRef) };
  if (type === "@xstate.event") return { ...about, from: session(event.sourceRef as AnyActorRef | undefined), event: event.event.type };
  if (type === "@xstate.action") return { ...about, action: event.action.type };
  if (type === "@xstate.snapshot" || type === "@xstate.microstep") {
    const { status, value } = event.snapshot as { status: string; value?: unknown };
    return { ...about, event: event.event.type, status, value };
  }
  return about;
}

async function watched(compile: boolean, options: AgentOptions = {}) {
  const events: unknown[] = [];
  const store = new MemoryStore({ keep: 10_000 });
  let ids = 0;
  const clock = new ManualClock();
  const agent = new Agent({ nodes: nodes(), compile, store, clock, ids: () => `id-${ids++}`, redact: false, ...options });
  const task = new Task({ id: "9f0c0f5e-8f0a-4f59-9b60-7a4a3a0c6f11", type: "test", objective: "Be seen" });
  const run = agent.start(task);
  const told: unknown[] = [];
  const telling = (async () => {
    for await (const event of run.events()) told.push(event);
  })();
  const { task: _task, ...outcome } = await run.outcome;
  await telling;
  const refs = await snapshotsOf(store, task.id);
  const stored = await Promise.all(refs.map(async (ref) => [...(await loadedFrom(store, ref)).parts]));
  // How often a run is stored between two visits follows the turns of the event loop.
  const unnumbered = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replace(/(\\?"generation\\?"):\d+/g, "$1:0"));
  return { events, outcome: { ...outcome, task: task.toJSON() }, told: unnumbered(told), stored: unnumbered(stored) };
}

describe("a run", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("is the same compiled and interpreted", async () => {
    // A wide step is in one turn, or in more where the machine is slow.
    vi.spyOn(performance, "now").mockReturnValue(0);
    expect(await watched(true)).toEqual(await watched(false));
  });

  it("is the same to an inspector", async () => {
    vi.spyOn(performance, "now").mockReturnValue(0);
    const looks: unknown[][] = [];
    for (const compile of [true, false]) {
      const events: unknown[] = [];
      looks.push(events);
      await watched(compile, { inspect: (event) => events.push(seen(event)) });
    }
    expect(looks[0]?.length).toBeGreaterThan(500);
    expect(looks[0]).toEqual(looks[1]);
  });

  it.each([true, false])("stored by one goes on in the other (stored compiled: %s)", async (compile) => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = new Task({ type: "test", objective: "Go on" });
    await new Agent({ nodes: nodes(), compile, store, snapshot: "NEVER" }).runTask(task);
    const refs = await snapshotsOf(store, task.id);
    for (const ref of refs) {
      const { status, executions } = await new Agent({
        nodes: nodes(),
        compile: !compile,
        dynamicNodes: [nodeOf("added")],
        store,
        snapshot: "NEVER",
      }).runFromSnapshot(ref);
      expect([status, executions.again]).toEqual(["PARTIAL", expect.any(Number)]);
    }
    expect(refs.length).toBe(3);
  });
});

describe("the nodes of a run", () => {
  const spawnedAtFirst = async (options: AgentOptions): Promise<string[]> => {
    const begun = deferred();
    const goOn = deferred();
    const first = nodeOf("first", [], async () => {
      begun.resolve();
      await goOn.promise;
      return success();
    });
    const run = new Agent({ nodes: [first, nodeOf("second", ["first"])], ...options }).start(new Task({ type: "t", objective: "o" }));
    await begun.promise;
    const { children } = run.actor.getSnapshot() as unknown as { children: { nodes: AnyActorRef } };
    const names = [...children.nodes.getSnapshot().nodes.keys()];
    goOn.resolve();
    await run.outcome;
    return names;
  };

  it("are made at their first visit where nobody looks, and all from the start where somebody does", async () => {
    expect(await spawnedAtFirst({})).toEqual(["first"]);
    expect(await spawnedAtFirst({ inspect: () => {} })).toEqual(["first", "second"]);
  });
});

describe("the compiler", () => {
  afterEach(() => void vi.unstubAllEnvs());

  it("compiles each machine of ours, leaves the one it is given as it is, and keeps its chart", () => {
    for (const machine of [agentMachine, nodeMachine, taskMachine, toolLoopMachine]) {
      const { transition } = machine;
      const { machine: compiled, interpreted } = compileChart(machine as never) as { machine: typeof taskMachine; interpreted?: string };
      expect(interpreted).toBeUndefined();
      expect(compiled.definition.id).toBe(machine.definition.id);
      expect(compiled.transition).not.toBe(transition);
      expect(machine.transition).toBe(transition);
    }
  });

  it("is off where the environment says so", () => {
    expect(compilesByDefault()).toBe(process.env.ASIMOV_COMPILE !== "off");
    vi.stubEnv("ASIMOV_COMPILE", "off");
    expect(compilesByDefault()).toBe(false);
    expect(compileMachine(taskMachine)).toEqual({ machine: taskMachine, interpreted: "the environment says ASIMOV_COMPILE=off" });
    vi.stubEnv("ASIMOV_COMPILE", "on");
    expect(compilesByDefault()).toBe(true);
  });
});
