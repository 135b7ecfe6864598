/** Runs one module under the agent's limit of concurrent modules; the seam where another host may run it in another process. */
import type { Snapshot } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { relay } from "#contract/base/relay";
import type { ModuleCommand, ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import type { CheckpointPart } from "#contract/node/checkpoint-parts";
import type { Permit } from "#contract/node/permits";
import type { HostOf, ModuleKeeper, ModuleRunner, RunningModule } from "#contract/run/host";

export type RunModuleSnapshot = Snapshot<ModuleOutcome> & {
  input: ModuleOrder | undefined;
  /** Kept, so that a restored run does not start what was being aborted. */
  aborted?: { reason: string; code: string };
  /** What the module saved, handed to it again on restore; one map over the run of the module, so that a save costs what it saves. */
  checkpoint?: Map<CheckpointPart, string>;
  live: Live;
};

/** What runs now; no part of what is stored. Kept here since a WeakMap by actor would be felt by the garbage collector. */
class Live {
  job: RunningModule | undefined;
  isStopped = false;

  toJSON(): undefined {
    return undefined;
  }
}

type RunModuleEvent =
  | ModuleCommand
  | { type: "module.ended"; outcome: ModuleOutcome }
  | { type: "module.saved"; part: CheckpointPart; text: string }
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
      const { input: order, aborted, checkpoint, live } = snapshot;
      if (snapshot.status !== "active" || order === undefined) return;
      const end = (outcome: ModuleOutcome): void => {
        if (!live.isStopped) relay(scope, scope.self, { type: "module.ended", outcome });
      };
      const endAborted = (reason: string, code: string): void => {
        end({ module: order.module, status: "aborted", error: reason, code, retryable: true, endedAt: host.clock.now() });
      };
      const host = hostOf(scope.self);
      if (aborted !== undefined) return endAborted(aborted.reason, aborted.code);
      let isOver = false;
      const begin = (permit: Permit): void => {
        const waits = host.whenReady(order.node);
        if (waits !== undefined) {
          return void waits.then(() => {
            if (!isOver) begin(permit);
          });
        }
        const keeper: ModuleKeeper = {
          checkpoint,
          saved(part, text) {
            if (!live.isStopped) relay(scope, scope.self, { type: "module.saved", part, text });
          },
          ended(outcome) {
            permit.release();
            end(outcome);
          },
        };
        live.job = host.startModule(order, keeper, permit);
      };
      const permit = host.permits.acquire(host.line, begin);
      live.job ??= {
        abort(reason, code) {
          isOver = true;
          permit.release();
          endAborted(reason, code);
        },
      };
    },

    transition(snapshot, event) {
      switch (event.type) {
        case "module.ended":
          return { ...snapshot, status: "done", input: undefined, output: event.outcome, error: undefined } as RunModuleSnapshot;
        case "module.saved":
          return { ...snapshot, checkpoint: (snapshot.checkpoint ?? new Map()).set(event.part, event.text) };
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

    getPersistedSnapshot: ({ live: _live, checkpoint, ...snapshot }) =>
      ({
        ...snapshot,
        ...(checkpoint === undefined ? {} : { checkpoint: Object.fromEntries(checkpoint) }),
      }) as unknown as Snapshot<unknown>,

    restoreSnapshot(stored) {
      const { checkpoint, ...snapshot } = stored as RunModuleSnapshot;
      const saved = checkpoint === undefined ? {} : { checkpoint: new Map(Object.entries(checkpoint)) as Map<CheckpointPart, string> };
      return { ...snapshot, ...saved, live: new Live() };
    },
  };
}
