/** Runs the tools of one turn, so many at a time; each that has ended is a fact of its state, and is not run again on restore. One that waits holds up no other. */
import type { AnyActorRef, Snapshot } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { setLongTimeout } from "#contract/base/long-timer";
import { relay } from "#contract/base/relay";
import type { Approval } from "#contract/chat/approval";
import type { ToolChainHost, ToolOrder, ToolOutcome, ToolTurn } from "#contract/chat/tool-chain";
import { TurnPlaces } from "#contract/chat/turn-places";
import type { HostOf } from "#contract/run/host";

/** Milliseconds that an aborted tool gets to end by itself. */
const GRACE_MS = 1_000;
const ABORTED = "Not finished: the chain was aborted.";

/** Ids are the model's, and not every server makes them distinct. */
type Ended = { key: string; outcome: ToolOutcome };
type Decided = { key: string; decision: Approval };
type Input = { orders: readonly ToolOrder[] };

const hasEnded = (ended: readonly Ended[], order: string): boolean => ended.some(({ key }) => key === order);
const aborted = (id: string): ToolOutcome => ({ id, content: ABORTED, isError: true });

/** What runs now; no part of what is stored. */
class Live {
  readonly controller = new AbortController();
  readonly places = new TurnPlaces();
  isStopped = false;
  /** A timer that is left would keep the process alive. */
  cancelGrace: () => void = () => {};

  /** Nothing more begins. */
  end(reason: unknown): void {
    this.cancelGrace();
    this.controller.abort(reason);
    this.places.letGo();
  }

  toJSON(): undefined {
    return undefined;
  }
}

export type RunToolsSnapshot = Snapshot<ToolOutcome[]> & {
  input: Input | undefined;
  ended: readonly Ended[];
  /** Absent before the first, and where it is the run that keeps them. */
  decided?: readonly Decided[];
  live: Live;
};
type RunToolsEvent =
  | { type: "tools.abort" }
  | ({ type: "tool.ended" } & Ended)
  | ({ type: "tool.decided" } & Decided)
  | { type: "tools.failed"; error: unknown }
  | { type: "xstate.stop" };
type Scope = Parameters<NonNullable<EffectLogic<Input, ToolOutcome[], RunToolsEvent, RunToolsSnapshot>["start"]>>[1];

export function runTools(hostOf: HostOf<ToolChainHost>): EffectLogic<Input, ToolOutcome[], RunToolsEvent, RunToolsSnapshot> {
  const modeOf = (self: AnyActorRef): string | null => (self._parent as AnyActorRef).getSnapshot().context.mode;

  const turnOf = ({ idempotencyKey: key }: ToolOrder, { decided, live }: RunToolsSnapshot, scope: Scope): ToolTurn => ({
    signal: live.controller.signal,
    decision: decided?.find((each) => each.key === key)?.decision,
    async decided(decision) {
      relay(scope, scope.self, { type: "tool.decided", key, decision });
      await hostOf(scope.self).keep();
    },
    async wait(work) {
      const { places } = live;
      places.waits(key);
      refill(live, scope);
      try {
        return await work();
      } finally {
        if (live.controller.signal.aborted) places.works(key);
        else {
          const goesOn = places.goOn(key);
          refill(live, scope);
          await goesOn;
        }
      }
    },
  });

  const run = (order: ToolOrder, snapshot: RunToolsSnapshot, scope: Scope): void => {
    const { live } = snapshot;
    const host = hostOf(scope.self);
    const key = order.idempotencyKey;
    live.places.begun.set(key, order.id);
    const tell = (event: RunToolsEvent): void => {
      // One that was given up on has its result already.
      if (live.places.end(key) && !live.isStopped) relay(scope, scope.self, event);
    };
    // In a microtask: the chain is still in the transition that started this.
    Promise.resolve()
      .then(() => host.keep())
      .then(() => host.runTool(order, modeOf(scope.self), turnOf(order, snapshot, scope)))
      .then(
        (outcome) => tell({ type: "tool.ended", key, outcome }),
        (error: unknown) => tell({ type: "tools.failed", error }),
      );
  };

  const keep = (live: Live, scope: Scope): void => {
    hostOf(scope.self)
      .keep()
      ?.catch((error: unknown) => {
        if (!live.isStopped) relay(scope, scope.self, { type: "tools.failed", error });
      });
  };

  /** Starts as many as may work, those that have waited first, the others in order. */
  const fill = (snapshot: RunToolsSnapshot, scope: Scope): void => {
    const { input, ended, live } = snapshot;
    const { places } = live;
    const host = hostOf(scope.self);
    const hasRoom = (): boolean => places.working < host.maxParallelTools && !live.controller.signal.aborted;
    while (hasRoom() && places.admit());
    for (const order of input?.orders ?? []) {
      if (!hasRoom()) return;
      if (!places.begun.has(order.idempotencyKey) && !hasEnded(ended, order.idempotencyKey)) run(order, snapshot, scope);
    }
    places.rest(host);
  };

  const refill = (live: Live, scope: Scope): void => {
    const snapshot = scope.self.getSnapshot() as RunToolsSnapshot;
    if (snapshot.status === "active" && !live.isStopped) fill(snapshot, scope);
  };

  const settle = (snapshot: RunToolsSnapshot, scope: Scope): RunToolsSnapshot => {
    const orders = snapshot.input?.orders ?? [];
    if (snapshot.ended.length < orders.length) {
      fill(snapshot, scope);
      return snapshot;
    }
    snapshot.live.cancelGrace();
    const output = orders.map(({ idempotencyKey }) => (snapshot.ended.find(({ key }) => key === idempotencyKey) as Ended).outcome);
    return { ...snapshot, status: "done", output, error: undefined } as RunToolsSnapshot;
  };

  return {
    getInitialSnapshot: (_scope, input) => ({ status: "active", input, ended: [], output: undefined, error: undefined, live: new Live() }),
    start: (snapshot, scope) => fill(snapshot, scope),

    transition(snapshot, event, scope) {
      if (snapshot.status !== "active") return snapshot;
      switch (event.type) {
        case "tool.ended": {
          const { key, outcome } = event;
          if (hasEnded(snapshot.ended, key)) return snapshot;
          const next = settle({ ...snapshot, ended: [...snapshot.ended, { key, outcome }] }, scope);
          // The next ask keeps the last one anyway.
          if (next.status === "active") keep(next.live, scope);
          return next;
        }
        case "tool.decided": {
          const { key, decision } = event;
          return { ...snapshot, decided: [...(snapshot.decided ?? []), { key, decision }] };
        }
        case "tools.failed":
          snapshot.live.isStopped = true;
          snapshot.live.end(event.error);
          return { ...snapshot, status: "error", error: event.error, output: undefined } as RunToolsSnapshot;
        case "tools.abort": {
          const { live, input, ended } = snapshot;
          const { begun } = live.places;
          live.end(new DOMException("The chain was aborted.", "AbortError"));
          const giveUp = (): void => {
            for (const [key, id] of begun) {
              begun.delete(key);
              if (!live.isStopped) relay(scope, scope.self, { type: "tool.ended", key, outcome: aborted(id) });
            }
          };
          live.cancelGrace = setLongTimeout(GRACE_MS, giveUp, hostOf(scope.self).clock);
          const unstarted = (input?.orders ?? []).filter(({ idempotencyKey: key }) => !begun.has(key) && !hasEnded(ended, key));
          const refused = unstarted.map(({ id, idempotencyKey: key }) => ({ key, outcome: aborted(id) }));
          return settle({ ...snapshot, ended: [...ended, ...refused] }, scope);
        }
        case "xstate.stop":
          snapshot.live.isStopped = true;
          snapshot.live.end(new DOMException("The chain was stopped.", "AbortError"));
          return { ...snapshot, status: "stopped" } as RunToolsSnapshot;
      }
    },

    getPersistedSnapshot: ({ live: _live, ...snapshot }) => snapshot as unknown as Snapshot<unknown>,
    restoreSnapshot(snapshot) {
      const { input, ended } = snapshot as RunToolsSnapshot;
      if (!Array.isArray(input?.orders) || !Array.isArray(ended)) throw new Error("its tools' orders or results are missing");
      return { ...(snapshot as RunToolsSnapshot), live: new Live() };
    },
  };
}
