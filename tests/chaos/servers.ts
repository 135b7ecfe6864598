/** The server that a store is on: killed without a word, and started again over the same data. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgresServer } from "../support/postgres-server.ts";
import { startRedisServer } from "../support/redis-server.ts";
import type { Place } from "../worker/place.ts";

export type StoreName = "sqlite" | "redis" | "postgres";

export interface ChaosServer {
  /** Undefined for a store that no server holds. */
  url: string | undefined;
  /** The store, by way of a proxy where its address is given. */
  place(through?: string): Place;
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

export const startServer: Readonly<Record<StoreName, () => Promise<ChaosServer>>> = {
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), "asimov-chaos-"));
    return {
      url: undefined,
      place: () => ({ file: join(folder, "runs.db") }),
      kill: async () => {},
      start: async () => {},
      remove: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },

  async redis() {
    const folder = mkdtempSync(join(tmpdir(), "asimov-chaos-"));
    const settings = ["--dir", join(folder, "data"), "--appendonly", "yes", "--appendfsync", "always"];
    mkdirSync(settings[1] as string);
    let server = await startRedisServer(undefined, settings);
    const { url } = server;
    return {
      url,
      place: (through = url) => ({ url: through }),
      kill: () => server.stop(),
      async start() {
        server = await startRedisServer(Number(new URL(url).port), settings);
      },
      async remove() {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },

  async postgres() {
    const server = await startPostgresServer();
    return {
      url: server.url,
      place: (through = server.url) => ({ connectionString: through }),
      kill: () => server.kill(),
      start: () => server.start(),
      remove: () => server.remove(),
    };
  },
};
