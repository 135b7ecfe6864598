/** The laws of a run store about who owns a run. */
import { statusOf } from "#contract/store/run-status";
import { requireEqual, requireTrue } from "./law.ts";
import { commitOf, HOUR, loaded, newRun, owned, owner, past, type RunLaws, stored } from "./run-law.ts";

export function ownerLaws(): RunLaws {
  return {
    "stores a run with its first generation and its lease": async ({ make }) => {
      const store = await make();
      const process = { host: "here", boot: "b", pid: 7, startedAt: 3 };
      const created = await store.create(newRun("a", { labels: { team: "x" }, dueAt: null }), { id: "me", leaseMs: HOUR, process });
      requireTrue(created.ok && created.lease !== undefined, "a new run is stored");
      const run = await stored(store);
      requireEqual(created.lease, run.lease, "the lease");
      requireEqual(run.lease?.owner, { id: "me", leaseMs: HOUR, process }, "the owner");
      requireEqual([run.lease?.token, run.lease?.until], [1, run.createdAt + HOUR], "token and end of the lease");
      const { createdAt, updatedAt, endedAt, dueAt, lease: _, ...rest } = run;
      requireEqual([updatedAt, endedAt, dueAt], [createdAt, null, createdAt], "its moments");
      const { first: __, dueAt: ___, ...given } = newRun("a", { labels: { team: "x" } });
      requireEqual(
        rest,
        {
          ...given,
          status: "open",
          ends: 0,
          untold: false,
          generation: 1,
          lastSeq: 0,
          token: 1,
          cancel: null,
          inbox: { count: 0, last: 0 },
        },
        "it",
      );
      requireEqual(statusOf(run, await store.now()), "RUNNING", "its status");
      requireEqual([...(await loaded(store, "a")).parts], [["agent", "{}"]], "its parts");
    },

    "keeps a run that was submitted, READY at its moment": async ({ make }) => {
      const store = await make();
      const now = await store.now();
      for (const [taskId, dueAt, status] of [
        ["now", now, "READY"],
        ["later", now + HOUR, "PARKED"],
        ["never", null, "PARKED"],
      ] as const) {
        requireEqual(await store.create(newRun(taskId, { dueAt })), { ok: true }, "what create says");
        const run = await stored(store, taskId);
        requireEqual([run.lease, run.token, run.dueAt], [null, 0, dueAt], taskId);
        requireEqual(statusOf(run, now), status, taskId);
      }
      requireEqual(statusOf(await stored(store, "later"), now + HOUR), "READY", "at its moment");
    },

    "stores one of many runs of a task id that are created at once": async ({ make, reopen }) => {
      const store = await make();
      const stores = [store, await reopen(store)] as const;
      const created = await Promise.all(
        [...Array(12).keys()].map((n) => stores[(n % 2) as 0 | 1].create(newRun("a", { version: String(n) }), owner(String(n)))),
      );
      const winners = [...created.entries()].filter(([, { ok }]) => ok);
      requireEqual(winners.length, 1, "the number of those that are told so");
      const run = await stored(store);
      requireEqual([run.version, run.lease?.owner.id], [String(winners[0]?.[0]), String(winners[0]?.[0])], "the run that is there");
      for (const result of created)
        if (!result.ok) requireEqual([result.why, result.run.version], ["exists", run.version], "to the others");
    },

    "gives a run to one of many that claim it at once": async ({ make, reopen }) => {
      const store = await make();
      const stores = [store, await reopen(store)] as const;
      for (let round = 0; round < 5; round++) {
        await store.create(newRun(`run ${round}`));
        const claims = await Promise.all(
          [...Array(10).keys()].map((n) => stores[(n % 2) as 0 | 1].claim(`run ${round}`, owner(String(n)))),
        );
        requireEqual(claims.filter(({ ok }) => ok).length, 1, "the number of owners");
        const held = (await stored(store, `run ${round}`)).lease;
        for (const claim of claims) {
          if (claim.ok) requireEqual([claim.lease, claim.run.lease], [held, held], "the owner's lease");
          else requireEqual([claim.why, claim.why === "owned" && claim.run.lease], ["owned", held], "what the others are told");
        }
      }
    },

    "takes a living lease only by its token, and refuses what its old owner writes": async ({ make }) => {
      const store = await make();
      const old = await owned(store);
      requireEqual((await store.claim("a", owner("heir"), { over: old.token + 1 })).ok, false, "by another token");
      const claim = await store.claim("a", owner("heir"), { over: old.token });
      requireTrue(claim.ok, "by its token");
      requireEqual(claim.lease.token, old.token + 1, "the new token");
      const before = await stored(store);
      for (const result of [await store.commit(old, commitOf(2, { agent: "[]" })), await store.renew(old, HOUR)]) {
        requireEqual(!result.ok && [result.why, "run" in result && result.run], ["fenced", before], "what the old owner is told");
      }
      requireEqual(await stored(store), before, "the run");
      requireTrue((await store.commit(claim.lease, commitOf(2))).ok, "the heir's commit is made");
    },

    "refuses what the owner of a run that was removed writes to the next run of that id": async ({ make, reopen }) => {
      const store = await make();
      const old = await owned(store, "a", owner("old"));
      requireTrue(await (await reopen(store)).remove("a"), "it is removed");
      const lease = await owned(store, "a", owner("new"));
      const before = await stored(store);
      const end = commitOf(2, { agent: "[]" }, { run: { status: "COMPLETE" } });
      for (const result of [await store.commit(old, end), await store.renew(old, HOUR), await store.renew(old, 0)]) {
        requireEqual(!result.ok && [result.why, "run" in result && result.run], ["fenced", before], "what the old owner is told");
      }
      requireEqual(await stored(store), before, "the new run");
      requireTrue((await store.commit(lease, commitOf(2))).ok, "its own owner's commit");
    },

    "lets others have a run whose lease ran out, and it is READY until then": async ({ make }) => {
      const store = await make();
      await store.create(newRun("a", { dueAt: null }));
      const first = await store.claim("a", owner("first", 1));
      requireTrue(first.ok, "the first claim");
      await past(store, first.lease.until);
      requireEqual(statusOf(await stored(store), await store.now()), "READY", "the status of a run that was left");
      const second = await store.claim("a", owner("second"));
      requireTrue(second.ok && second.lease.token === 2, "the second claim");
      requireEqual(
        [await store.commit(first.lease, commitOf(2))].map((result) => !result.ok && result.why),
        ["fenced"],
        "the first",
      );
    },

    "renews a lease, also one that ran out and that nobody took": async ({ make }) => {
      const store = await make();
      const lease = await owned(store, "a", owner("me", 1));
      await past(store, lease.until);
      const renewed = await store.renew(lease, HOUR);
      requireTrue(renewed.ok, "the lease is renewed");
      requireEqual([renewed.cancel, renewed.posted], [null, 0], "what others asked for");
      const run = await stored(store);
      requireEqual(run.lease, { ...lease, until: renewed.until }, "the lease");
      requireTrue(renewed.until >= lease.until + HOUR - 1, "it runs from now on");
      requireEqual((await store.claim("a", owner("other"))).ok, false, "another's claim");
    },

    "takes a lease back that is renewed for no time": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      requireTrue((await store.renew(lease, 0)).ok, "it is given back");
      const run = await stored(store);
      requireEqual([run.lease, statusOf(run, await store.now())], [null, "READY"], "the run");
      requireEqual((await store.renew(lease, HOUR)).ok, false, "a renewal afterwards");
      requireTrue((await store.claim("a", owner("other"))).ok, "another's claim");
    },

    "knows nothing of a run that is not there": async ({ make }) => {
      const store = await make();
      const lease = { taskId: "none", token: 1, until: Number.MAX_SAFE_INTEGER, owner: owner() };
      requireEqual(await store.claim("none", owner()), { ok: false, why: "not-found" }, "claim");
      requireEqual(await store.commit(lease, commitOf(2)), { ok: false, why: "not-found" }, "commit");
      requireEqual(await store.renew(lease, 1), { ok: false, why: "fenced" }, "renew");
      requireEqual(
        [await store.read("none"), await store.load("none"), await store.load("none", 1)],
        [undefined, undefined, undefined],
        "read",
      );
      requireEqual([await store.inbox("none", 0), await store.generations("none", { limit: 9 })], [[], []], "inbox and generations");
      requireEqual(await store.events("none", { from: 1, limit: 9 }), [], "events");
      requireEqual(await store.remove("none"), false, "remove");
    },

    "lets either the owner's commit or the heir's claim be first": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      for (let round = 0; round < 12; round++) {
        const taskId = `run ${round}`;
        const lease = await owned(store, taskId);
        const commits = () => store.commit(lease, commitOf(2, { agent: '"new"' }));
        const claims = () => other.claim(taskId, owner("heir"), { over: lease.token });
        const [claim, commit] =
          round % 2 === 0
            ? await Promise.all([claims(), commits()])
            : await Promise.all([commits(), claims()]).then(([a, b]) => [b, a] as const);
        requireTrue(claim.ok, "the claim is made");
        requireEqual(claim.run.generation, commit.ok ? 2 : 1, "the generation that the heir is told");
        requireEqual((await loaded(other, taskId)).parts.get("agent"), commit.ok ? '"new"' : "{}", "what the heir loads");
        requireTrue((await other.commit(claim.lease, commitOf(claim.run.generation + 1))).ok, "the heir's commit");
      }
    },
  };
}
