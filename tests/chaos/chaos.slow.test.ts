/** Three workers are killed, stopped and cut off, and their server is killed: every run ends as if none had been. `npm run chaos` does it at full size. */
import { describe, expect, it } from "vitest";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { type ChaosOptions, chaos } from "./chaos.ts";
import { isSound, tableOf } from "./table.ts";

const SHORT: Omit<ChaosOptions, "store" | "queue" | "proxy"> = {
  seed: SEED,
  runs: counted(20, 300),
  kills: counted(6, 60),
  stops: counted(1, 6),
  serverKills: counted(1, 3),
  cuts: 0,
  leaseMs: 3_000,
  concurrency: 4,
  workMs: 100,
  longestMs: 0.8 * LONG_MS,
};

const tried: Omit<ChaosOptions, keyof typeof SHORT>[] = [
  { store: "sqlite", queue: "local", proxy: false },
  { store: "redis", queue: "local", proxy: true },
  { store: "redis", queue: "bull", proxy: true },
  { store: "postgres", queue: "local", proxy: true },
  { store: "postgres", queue: "bull", proxy: true },
];

describe.each(tried)("workers on $store, woken by the queue $queue", (given) => {
  it(`keep every law over ${SHORT.kills} kills of a busy worker, stops past a lease, kills of the server and broken connections, seed ${SEED}`, {
    timeout: LONG_MS,
  }, async () => {
    const options = { ...SHORT, ...given };
    const report = await chaos(options);
    if (typeof report === "string") throw new Error(`it lacks ${report}`);
    expect(isSound(report), tableOf(options, report)).toBe(true);
  });
});

describe("workers in networks of their own", () => {
  it("keep every law while one is cut off for longer than its lease, or it is said what this machine lacks", {
    timeout: LONG_MS,
  }, async ({ annotate }) => {
    const options: ChaosOptions = {
      ...SHORT,
      store: "redis",
      queue: "local",
      proxy: false,
      kills: 0,
      stops: 0,
      serverKills: 0,
      cuts: counted(2, 10),
    };
    const report = await chaos(options);
    if (typeof report === "string") {
      expect(report).toMatch(/^(?:rights for network namespaces|the program `ip`)/);
      await annotate(`Left out: networks that are cut off. This machine lacks ${report}.`);
    } else expect(isSound(report), tableOf(options, report)).toBe(true);
  });
});
