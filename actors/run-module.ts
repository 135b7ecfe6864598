/** Runs one module under the agent's limit of concurrent modules; the seam where another host may run it in another process. */
import type { Snapshot } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { relay, relayToParent } from "#contract/base/relay";
import type { ModuleCommand, ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import type { Permit } from "#contract/node/permits";
import type { HostOf, ModuleKeeper, ModuleRunner, RunningModule } from "#contract/run/host";

export type RunModuleSnapshot = Snapshot<ModuleOutcome> & {
  input: ModuleOrder | undefined;
  /** Kept, so that a restored run does not start what was being aborted. */
  aborted?: { reason: string; code: string };
  /** It waits for something outside, as it has told. */
  waits?: boolean;
  live: Live;
};

/** Of the owners under which the module has worked, as it is stored. */
interface Owners {
  /** The fencing token of the latest. */
  latest: number;
  /** How many were lost in a row while it worked, and kept nothing. */
  lost: number;
}

/** What runs now, and under whom; moved on in place. Kept here since a WeakMap by actor would be felt by the garbage collector. */
class Live {
  job: RunningModule | undefined;
  isStopped = false;
  readonly owners: Owners;

  constructor(owners?: Owners) {
    this.owners = owners === undefined ? { latest: 0, lost: 0 } : { ...owners };
  }

  toJSON(): undefined {
    return undefined;
  }
}

type RunModuleEvent =
  | ModuleCommand
  | { type: "module.ended"; outcome: ModuleOutcome }
  | { type: "module.waiting"; waits: boolean }
  | { type: "xstate.stop" };

/**
 * Logic with input `ModuleOrder` and output `ModuleOutcome`. It starts the module when a permit is free, and starts it again on restore.
 *
 * @example
 * const logic = runModule(() => host);
 */
export function runModule(hostOf: HostOf<ModuleRunner>): EffectLogic<ModuleOrder, ModuleOutcome, RunModuleEvent, RunModuleSnapshot> {
  return {
    getInitialSnapshot: (_scope, input) => ({ status: "active", input, output: undefined, error: undefined, live: new Live() }),

    start(snapshot, scope) {
      const { input: order, aborted, live } = snapshot;
      if (snapshot.status !== "active" || order === undefined) return;
      const end = (outcome: ModuleOutcome): void => {
        if (!live.isStopped) relay(scope, scope.self, { type: "module.ended", outcome });
      };
      const endAborted = (reason: string, code: string): void => {
        end({ module: order.module, status: "aborted", error: reason, code, retryable: true, endedAt: host.clock.now() });
      };
      const tellWaiting = (waits: boolean): void => {
        if (!live.isStopped) relay(scope, scope.self, { type: "module.waiting", waits });
      };
      const host = hostOf(scope.self);
      const { owners } = live;
      if (aborted !== undefined) return endAborted(aborted.reason, aborted.code);
      // A restored one runs again from its top, and may have by now what it waited for: also while it queues for its permit it does not wait.
      if (snapshot.waits === true) tellWaiting(false);
      else if (owners.latest > 0 && owners.latest === host.lostOwner) owners.lost += 1;
      const givenUp = host.givenUp(order, owners.lost);
      if (givenUp !== undefined) return end(givenUp);
      let isOver = false;
      const begin = (permit: Permit): void => {
        const waits = host.whenReady(order.node) ?? noted(host, order.node, owners);
        if (waits !== undefined) {
          return void waits.then(() => {
            if (!isOver) begin(permit);
          });
        }
        const keeper: ModuleKeeper = {
          waits(waits) {
            if (waits) leave();
            tellWaiting(waits);
          },
          progressed() {
            if (owners.lost === 0) return;
            owners.lost = 0;
            host.moduleChanged(order.node);
            leave();
          },
          ended(outcome) {
            leave();
            permit.release();
            end(outcome);
          },
        };
        live.job = host.startModule(order, keeper, permit);
      };
      let permit: Permit | undefined;
      const acquire = (): void => {
        permit = host.permits.acquire(host.line, begin);
      };
      let leave = (): void => {};
      if (owners.lost === 0) acquire();
      else leave = host.enterSuspect(owners.lost, acquire);
      live.job ??= {
        abort(reason, code) {
          isOver = true;
          leave();
          permit?.release();
          endAborted(reason, code);
        },
      };
    },

    transition(snapshot, event, scope) {
      switch (event.type) {
        case "module.ended":
          if (snapshot.waits === true) tellParent(scope, snapshot.input, false);
          return { ...snapshot, status: "done", input: undefined, output: event.outcome, error: undefined } as RunModuleSnapshot;
        case "module.waiting":
          tellParent(scope, snapshot.input, event.waits);
          return { ...snapshot, waits: event.waits };
        case "module.abort":
          snapshot.live.job?.abort(event.reason, event.code);
          return { ...snapshot, aborted: { reason: event.reason, code: event.code } };
        case "xstate.stop":
          snapshot.live.isStopped = true;
          if (snapshot.status === "active") snapshot.live.job?.abort("the run was stopped", "run-stopped");
          return { ...snapshot, status: "stopped" } as RunModuleSnapshot;
        default:
          return snapshot;
      }
    },

    getPersistedSnapshot: ({ live: { owners }, ...snapshot }) =>
      ({ ...snapshot, ...(owners.latest === 0 ? {} : { owners: { ...owners } }) }) as unknown as Snapshot<unknown>,

    restoreSnapshot(stored) {
      const { owners, ...snapshot } = stored as RunModuleSnapshot & { owners?: Owners };
      return { ...snapshot, live: new Live(owners) };
    },
  };
}

/** It begins under this owner: settles when that is stored, where it must be. */
function noted(host: ModuleRunner, node: string, owners: Owners): Promise<void> | undefined {
  if (owners.latest === host.fence) return undefined;
  owners.latest = host.fence;
  host.moduleChanged(node);
  return host.whenNoted();
}

/** The node that it is a module of. */
function tellParent(scope: Parameters<typeof relayToParent>[0], order: ModuleOrder | undefined, waits: boolean): void {
  if (order !== undefined) relayToParent(scope, { type: "module.waiting", module: order.module, waits });
}
