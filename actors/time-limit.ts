/** A node's time limit: it ends when something in the node has worked for so long; time that the process was down does not count. */
import type { Snapshot } from "xstate";
import { Countdown } from "#contract/base/countdown";
import type { EffectLogic } from "#contract/base/effect-logic";
import { relay } from "#contract/base/relay";
import type { HostOf, LimitHost } from "#contract/run/host";

/** Milliseconds. */
type Input = { node: string; ms: number };

/** What counts now; no part of what is stored. */
class Live {
  countdown: Countdown | undefined;
  leave: () => void = () => {};

  toJSON(): undefined {
    return undefined;
  }
}

export type TimeLimitSnapshot = Snapshot<number> & { input: Input; leftMs: number; live: Live };
type TimeLimitEvent = { type: "limit.reached"; at: number } | { type: "xstate.stop" };

/** Logic with input `{ node, ms }`; its output is the moment when the limit was reached, in milliseconds since 1970. */
export function timeLimit(hostOf: HostOf<LimitHost>): EffectLogic<Input, number, TimeLimitEvent, TimeLimitSnapshot> {
  return {
    getInitialSnapshot: (_scope, input) => ({
      status: "active",
      input,
      leftMs: input.ms,
      output: undefined,
      error: undefined,
      live: new Live(),
    }),

    start({ status, input, leftMs, live }, scope) {
      if (status !== "active") return;
      const host = hostOf(scope.self);
      live.countdown = new Countdown(host.clock, leftMs, () => relay(scope, scope.self, { type: "limit.reached", at: host.clock.now() }));
      live.leave = host.limit(input.node, live.countdown);
    },

    transition(snapshot, event) {
      snapshot.live.leave();
      snapshot.live.countdown?.pause();
      if (event.type === "limit.reached") return { ...snapshot, status: "done", output: event.at, error: undefined } as TimeLimitSnapshot;
      return { ...snapshot, status: "stopped" } as TimeLimitSnapshot;
    },

    getPersistedSnapshot: ({ live, ...snapshot }) =>
      ({ ...snapshot, leftMs: live.countdown?.leftMs ?? snapshot.leftMs }) as unknown as Snapshot<unknown>,
    restoreSnapshot: (snapshot) => ({ ...(snapshot as TimeLimitSnapshot), live: new Live() }),
  };
}
