/** The least that XState asks for: a node is one machine actor that runs one promise, spawned flat by a logic that keeps them in a map. */
import { type ActorLogic, type AnyActorRef, createActor, type EventObject, fromPromise, type Snapshot, setup } from "xstate";
import { type GraphShape, type GraphSpec, graphOf, nameOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

interface Work {
  tally: Tally;
  index: number;
}

const noOp = setup({
  types: { context: {} as Work, input: {} as Work },
  actors: { work: fromPromise<void, Work>(async ({ input }) => input.tally.visit(input.index)) },
}).createMachine({
  context: ({ input }) => input,
  initial: "run",
  states: { run: { invoke: { src: "work", input: ({ context }) => context, onDone: "done" } }, done: { type: "final" } },
});

type FloorSnapshot = Snapshot<undefined> & { children: Map<string, AnyActorRef>; left: number };
type FloorLogic = ActorLogic<FloorSnapshot, EventObject, undefined>;

/** Nodes by what must end before them, so that the floor does no more planning than counting. */
function followers({ dependencies }: GraphShape): number[][] {
  const after: number[][] = dependencies.map(() => []);
  for (const [index, before] of dependencies.entries()) for (const dependency of before) after[dependency]?.push(index);
  return after;
}

function floorLogic(shape: GraphShape, tally: Tally): FloorLogic {
  const after = followers(shape);
  const missing = shape.dependencies.map((before) => before.length);
  const spawn = ({ children }: FloorSnapshot, parent: AnyActorRef, index: number): void => {
    const id = nameOf(index);
    const child = createActor(noOp, { parent, id, input: { tally, index } } as never);
    children.set(id, child);
    child.start();
  };
  return {
    getInitialSnapshot: () => ({
      status: "active",
      output: undefined,
      error: undefined,
      children: new Map(),
      left: shape.dependencies.length,
    }),
    start(snapshot, { self }) {
      for (const [index, count] of missing.entries()) if (count === 0) spawn(snapshot, self, index);
    },
    transition(snapshot, event, { self }) {
      if (!event.type.startsWith("xstate.done.actor.")) return snapshot;
      const ended = Number((event as EventObject & { actorId: string }).actorId.slice(1));
      for (const index of after[ended] ?? []) {
        const left = (missing[index] ?? 0) - 1;
        missing[index] = left;
        if (left === 0) spawn(snapshot, self, index);
      }
      snapshot.left--;
      return snapshot.left > 0 ? snapshot : ({ ...snapshot, status: "done" } as unknown as FloorSnapshot);
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}

function runOnce(shape: GraphShape, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    const root = createActor(floorLogic(shape, tally));
    root.subscribe({ error: reject, complete: resolve });
    root.start();
  });
}

export function graphTrial(graph: GraphSpec, runs = 1): Trial {
  const shape = graphOf(graph);
  const tally = new Tally(shape);
  return {
    run: () => Promise.all(Array.from({ length: runs }, () => runOnce(shape, tally))),
    settle: () => tally.settle(runs),
  };
}
