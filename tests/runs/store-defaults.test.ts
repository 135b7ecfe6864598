/** What a store and a lease are where nobody says otherwise. */
import { join } from "node:path";
import { Agent, FileStore, MemoryStore, type RunStore, Runs } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { all, taskOf } from "./stores.ts";

const place = newPlace();

const STORES: [name: string, make: () => RunStore][] = [
  ["memory", () => new MemoryStore()],
  ["file", () => new FileStore({ dir: place() })],
  ["SQLite", () => new SqliteStore({ file: join(place(), "runs.db") })],
];

describe.each(STORES)("a %s store without options", (_, make) => {
  it("takes parts of 16 MiB, and keeps 100 generations and 1,000 events of each run, for ever, as they are", async () => {
    const store = make();
    expect(store.settings).toEqual({
      codec: undefined,
      maxPartBytes: 16_777_216,
      keepEvents: 1_000,
      keep: 100,
      retainMs: Number.POSITIVE_INFINITY,
    });
    await store.close();
  });
});

describe("a run of more than 1,000 events", () => {
  it("is found with the newest 1,000, and with how many came before", async () => {
    const store = new MemoryStore();
    const talks = nodeOf("a", [], ({ emit }) => {
      for (let at = 0; at < 1_050; at++) emit({ type: "said", at });
      return success();
    });
    await new Agent({ store, nodes: [talks] }).runTask(taskOf());
    const [dropped, ...kept] = await all(new Runs(store).events("t"));
    expect(kept).toHaveLength(1_000);
    expect(dropped).toMatchObject({ type: "events.dropped", count: (kept.at(-1)?.seq ?? 0) - 1_000 });
  });
});

/** Notes when leases are renewed. */
class RenewedStore extends MemoryStore {
  readonly #clock: SimulatedClock;
  readonly moments: number[] = [];

  constructor(clock: SimulatedClock) {
    super({ clock });
    this.#clock = clock;
  }

  override renew(...given: Parameters<MemoryStore["renew"]>) {
    this.moments.push(this.#clock.now());
    return super.renew(...given);
  }
}

describe("a lease", () => {
  it.each([
    ["of 30 s, where nobody says otherwise,", {}, 30_000],
    ["of 9 s", { leaseMs: 9_000 }, 9_000],
  ])("%s is renewed at each third of it, for all of it", async (_what, options, leaseMs) => {
    const clock = new SimulatedClock();
    const store = new RenewedStore(clock);
    const entered = deferred();
    const node = nodeOf("a", [], ({ signal }) => {
      entered.resolve();
      return aborted(signal);
    });
    const run = new Agent({ store, nodes: [node], clock, ...options }).start(taskOf());
    await clock.runUntil(entered.promise);
    const since = clock.now();
    expect(run.view().owner).toMatchObject({ until: since + leaseMs });
    await clock.advance(leaseMs);
    expect(store.moments.map((moment) => moment - since)).toEqual([leaseMs / 3, (leaseMs * 2) / 3, leaseMs]);
    expect((await store.read("t"))?.lease).toMatchObject({ until: since + 2 * leaseMs, owner: { leaseMs } });
    await clock.runUntil(run.cancel());
  });
});
