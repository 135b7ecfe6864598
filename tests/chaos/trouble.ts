/** Workers are killed and stopped, their server is killed, their cables are pulled out: so often as was asked, at moments drawn from a seed. */
import { setTimeout as pause } from "node:timers/promises";
import type { ChaosOptions } from "./chaos.ts";
import type { Network } from "./networks.ts";
import type { ChaosServer } from "./servers.ts";
import type { Users } from "./users.ts";
import type { Lost, Workers } from "./workers.ts";

export interface Made {
  kills: number;
  stops: number;
  serverKills: number;
  cuts: number;
}

export interface Around {
  workers: Workers;
  users: Users;
  server: ChaosServer;
  networks: readonly Network[];
  random: () => number;
  /** Given when all runs have ended. */
  signal: AbortSignal;
  /** Of what a killed worker had let go of before it could say so: nothing was lost. */
  stillTheirs(lost: readonly Lost[]): Promise<readonly Lost[]>;
}

/** How much of their answers users have given when all troubles are made; the same for both, or each might wait for the other. */
export const PACE = 0.8;

/** @param made is counted up */
export async function makeTrouble(
  { kills, stops, serverKills, cuts, leaseMs }: ChaosOptions,
  made: Made,
  { workers, users, server, networks, random, signal, stillTheirs }: Around,
): Promise<Lost[]> {
  const lost: Lost[] = [];
  const isOver = (): boolean => signal.aborted;
  /** Until somebody has runs. */
  const busy = async (): Promise<number | undefined> => {
    for (;;) {
      const at = workers.busy(random);
      if (at !== undefined || isOver()) return isOver() ? undefined : at;
      await pause(10);
    }
  };
  const killing = async (): Promise<void> => {
    for (; made.kills < kills; made.kills++) {
      await pause(random() * 1_000);
      // Over all of the work, and not those alone that are first.
      while (!isOver() && (PACE * made.kills) / kills > users.part) await pause(10);
      const at = await busy();
      if (at === undefined) return;
      lost.push(...(await stillTheirs(await workers.kill(at))));
    }
  };
  const stopping = async (): Promise<void> => {
    for (; made.stops < stops; made.stops++) {
      await pause(random() * leaseMs);
      const at = await busy();
      if (at === undefined) return;
      await workers.stop(at, leaseMs + 500 + random() * 1_000);
    }
  };
  const killingServer = async (): Promise<void> => {
    for (; made.serverKills < serverKills; made.serverKills++) {
      await pause(2_000 + random() * 3 * leaseMs);
      if (isOver()) return;
      await server.kill();
      await pause(random() * 1_000);
      await server.start();
    }
  };
  const cutting = async (): Promise<void> => {
    for (; made.cuts < cuts; made.cuts++) {
      await pause(random() * leaseMs);
      const at = await busy();
      if (at === undefined) return;
      networks[at]?.pullOut();
      await pause(leaseMs + 500 + random() * 1_000);
      networks[at]?.plugIn();
    }
  };
  await Promise.all([killing(), stopping(), killingServer(), cutting()]);
  return lost;
}
