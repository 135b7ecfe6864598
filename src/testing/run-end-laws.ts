/** The laws of a run store about ends that are still to be told. */
import type { FindQuery } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { requireEqual, requireTrue } from "./law.ts";
import { commitOf, newRun, owned, owner, type RunLaws, stored } from "./run-law.ts";

const untoldOf = async (store: RunStore, query: Partial<FindQuery> = {}): Promise<string[]> =>
  (await store.find({ untold: true, limit: 100, ...query })).map(({ taskId }) => taskId).sort();

const cancelled = async (store: RunStore, taskId: string, agent = "writer"): Promise<void> => {
  await store.create(newRun(taskId, { agent, dueAt: null }));
  await store.post(taskId, { kind: "cancel", reason: "enough", end: { events: [] } });
};

export function endLaws(): RunLaws {
  return {
    "keeps that an end is still to be told, until it is told, once": async ({ make, reopen }) => {
      const made = await make();
      const untold = { status: "FAILED", untold: true } as const;
      await made.commit(await owned(made, "untold"), commitOf(2, {}, { run: untold }));
      await made.commit(await owned(made, "told"), commitOf(2, {}, { run: { status: "FAILED" } }));
      await cancelled(made, "cancelled");
      await owned(made, "open");
      const other = await reopen(made);
      for (const store of [made, other]) {
        requireEqual(await untoldOf(store), ["cancelled", "untold"], "those that are still to be told");
        for (const [taskId, ends, isUntold] of [
          ["untold", 1, true],
          ["told", 1, false],
          ["cancelled", 1, true],
          ["open", 0, false],
        ] as const) {
          const run = await stored(store, taskId);
          requireEqual([run.ends, run.untold], [ends, isUntold], taskId);
        }
      }
      const before = await stored(made, "untold");
      requireEqual(await made.endTold("untold", 2), false, "an end that has not been");
      requireEqual(await other.endTold("untold", 1), true, "its end");
      requireEqual(await made.endTold("untold", 1), false, "the same once more");
      requireEqual(await stored(made, "untold"), { ...before, untold: false }, "the run");
      for (const taskId of ["told", "open", "none"]) requireEqual(await made.endTold(taskId, 1), false, taskId);
      requireEqual(await untoldOf(made), ["cancelled"], "what is left to tell");
      requireEqual(await untoldOf(other, { agent: "reader" }), [], "of another agent");
    },

    "finds what is still to be told of an agent newest first, page by page": async ({ make }) => {
      const store = await make();
      for (let n = 0; n < 7; n++) await cancelled(store, `run ${n}`);
      await cancelled(store, "another's", "reader");
      const all = await store.find({ agent: "writer", limit: 100 });
      const paged: string[] = [];
      for (let after: FindQuery["after"]; ; ) {
        const page = await store.find({ agent: "writer", untold: true, limit: 2, ...(after === undefined ? {} : { after }) });
        paged.push(...page.map(({ taskId }) => taskId));
        const last = page.at(-1);
        if (last === undefined) break;
        after = last;
        for (const { taskId, ends } of page) await store.endTold(taskId, ends);
      }
      requireEqual(
        paged,
        all.map(({ taskId }) => taskId),
        "all pages, though they were told meanwhile",
      );
      requireEqual(await untoldOf(store), ["another's"], "what is left");
    },

    "counts the ends of a run that goes on from its end, and each may be untold": async ({ make }) => {
      const store = await make();
      await cancelled(store, "a");
      for (let end = 1; end <= 3; end++) {
        requireEqual([(await stored(store)).ends, await untoldOf(store)], [end, ["a"]], `after end ${end}`);
        const claimed = await store.claim("a", owner(), { ended: true });
        requireTrue(claimed.ok, "the claim of an ended run");
        requireEqual([claimed.run.ends, claimed.run.untold], [end, true], "what its owner is told");
        const { generation } = claimed.run;
        await store.commit(claimed.lease, commitOf(generation + 1, {}, { run: { status: "open" } }));
        requireEqual([(await stored(store)).untold, await untoldOf(store)], [false, []], "as it goes on");
        requireEqual(await store.endTold("a", end), false, "an end that it has gone on from");
        await store.commit(claimed.lease, commitOf(generation + 2, {}, { run: { status: "PARTIAL", untold: true } }));
      }
      requireEqual(await store.endTold("a", 3), false, "an end before the newest");
      requireEqual(await store.endTold("a", 4), true, "the newest");
    },

    "tells one of many that tell an end at once that it did": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      await cancelled(store, "a");
      const told = await Promise.all([0, 1, 2, 3].map((n) => (n % 2 === 0 ? store : other).endTold("a", 1)));
      requireEqual(told.filter(Boolean).length, 1, "the number of those that did");
    },

    "has nothing to tell of a run that is gone, or of another that has its id": async ({ make }) => {
      const store = await make();
      await cancelled(store, "a");
      await cancelled(store, "b");
      await store.remove("a");
      await store.prune({});
      requireEqual(await untoldOf(store), [], "of those that are gone");
      requireEqual(await store.endTold("a", 1), false, "the end of one of them");
      await owned(store, "a");
      requireEqual(await untoldOf(store), [], "of the one that has its id");
    },
  };
}
