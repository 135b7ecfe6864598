/** A store on a server judges leases and moments by the server's clock: that of the host may jump. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { HOUR, newRun, owned, owner } from "#testing/run-law";
import { allStores, opening } from "../runs/stores.ts";

const DAY = 24 * HOUR;
const onServers = allStores().filter(([name]) => name === "Redis" || name === "Postgres");

describe.each(onServers)("a store on a server (%s)", (_, make) => {
  const open = opening(make);

  it.each([DAY, -DAY])("neither frees an owned run nor wakes one that waits when the clock of its host jumps by %i ms", async (jump) => {
    const store = open();
    await owned(store, "owned", owner("me", HOUR));
    const before = await store.now();
    await store.create(newRun("later", { dueAt: before + HOUR }));
    await store.create(newRun("due", { dueAt: before }));
    const { now } = Date;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Date, "now").mockImplementation(() => now() + jump);
    expect(Math.abs((await store.now()) - before)).toBeLessThan(HOUR);
    expect(await store.claim("owned", owner("other"))).toMatchObject({ ok: false, why: "owned" });
    const ready = await store.find({ statuses: ["READY"], order: "due", limit: 10 });
    expect(ready.map(({ taskId }) => taskId)).toEqual(["due"]);
  });
});
