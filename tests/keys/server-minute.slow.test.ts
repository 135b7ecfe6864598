/** A minute of a limit passes by the clock of the server that holds it. */
import { describe, expect, it } from "vitest";
import { serverStores } from "../runs/stores.ts";
import { benches, limited, taskOf } from "./bench.ts";

const MINUTE = 60_000;

describe.each(serverStores())("the runs of a key in a minute (%s)", (_, make) => {
  const open = benches(make);

  it("are so many, and the next begins when the first of them is a minute old", { timeout: 3 * MINUTE }, async () => {
    const bench = open();
    await bench.worker();
    for (const id of ["k-1", "k-2", "k-3"]) await bench.runs.submit(taskOf(id), limited({ perMinute: 2 }));
    for (const id of ["k-1", "k-2", "k-3"]) expect(await bench.end(id)).toBe("COMPLETE");
    const [first, , third] = bench.begun.map(({ at }) => at) as [number, number, number];
    // A run may begin a little after that was written down.
    expect(third - first).toBeGreaterThan(MINUTE - 5_000);
    expect(third - first).toBeLessThan(MINUTE + 20_000);
  });
});
