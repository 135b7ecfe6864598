/** What a worker looks for first is waited for by whatever else would have its room. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import { LostRuns } from "#worker/lost-runs";

describe("a look for lost runs", () => {
  it("is waited for by a turn that comes while it is under way, also where the store takes long", async () => {
    const { promise: found, resolve } = Promise.withResolvers<StoredRun[]>();
    const taken: string[] = [];
    const lost = new LostRuns({
      clock: systemClock,
      find: () => found,
      now: async () => 0,
      hasRoom: () => true,
      take: ({ taskId }) => void taken.push(taskId),
    });
    const looked = lost.takeAll(true);
    const turn = lost.takeAll(false).then(() => [...taken]);
    expect(await Promise.race([turn, nextTurn("it waits")])).toBe("it waits");
    resolve([{ taskId: "lost", agent: "report" } as StoredRun]);
    await looked;
    expect(await turn).toEqual(["lost"]);
  });
});
