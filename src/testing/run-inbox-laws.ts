/** The laws of a run store about what comes to a run from outside: messages and cancels. */
import type { PostResult } from "#contract/store/run-commit";
import { statusOf } from "#contract/store/run-status";
import type { RunStore } from "#contract/store/run-store";
import { requireCode, requireEqual, requireTrue } from "./law.ts";
import { commitOf, HOUR, newRun, owned, owner, past, type RunLaws, requireSealed, stored } from "./run-law.ts";

const send = (store: RunStore, id: string, taskId = "a", body = `"${id}"`): Promise<PostResult> =>
  store.post(taskId, { kind: "message", id, mailbox: "news", body });

const cancel = (store: RunStore, taskId = "a", events: readonly string[] = []): Promise<PostResult> =>
  store.post(taskId, { kind: "cancel", reason: "enough", end: { info: "cancelled", events } });

export function inboxLaws(): RunLaws {
  return {
    "numbers messages without gaps, in the order in which they came": async ({ make, reopen }) => {
      const store = await make();
      const stores = [store, await reopen(store)] as const;
      const lease = await owned(store);
      for (const id of ["x", "y", "x/../y", ""]) requireEqual(await send(store, id), "stored", `message ${id}`);
      const told = await Promise.all([...Array(20).keys()].map((n) => send(stores[(n % 2) as 0 | 1], `m${n}`)));
      requireEqual([...new Set(told)], ["stored"], "what the senders are told");
      const found = await store.inbox("a", 0);
      requireEqual(
        found.map(({ n }) => n),
        [...Array(24).keys()].map((n) => n + 1),
        "the numbers",
      );
      requireEqual(
        found.slice(0, 4).map(({ id, mailbox }) => [id, mailbox]),
        ["x", "y", "x/../y", ""].map((id) => [id, "news"]),
        "the first",
      );
      requireEqual(new Set(found.map(({ id }) => id)).size, 24, "the number of ids");
      for (const { id, body } of found) requireSealed(body, `"${id}"`, `the body of ${id}`);
      requireEqual(
        (await store.inbox("a", 22)).map(({ n }) => n),
        [23, 24],
        "those after 22",
      );
      requireEqual((await stored(store)).inbox, { count: 24, last: 24 }, "the row");
      const committed = await store.commit(lease, commitOf(2));
      requireEqual(committed.ok && committed.posted, 24, "what the owner is told");
    },

    "takes a message once for each id, taken or not": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      const lease = await owned(store);
      const told = await Promise.all([send(store, "x"), send(other, "x"), send(store, "x"), send(other, "x", "a", "again")]);
      requireEqual(told.sort(), ["duplicate", "duplicate", "duplicate", "stored"], "what the senders are told");
      requireEqual((await store.inbox("a", 0)).length, 1, "the number of messages");
      requireTrue((await store.commit(lease, commitOf(2, {}, { consumed: [1] }))).ok, "it is taken");
      requireEqual([await send(other, "x"), await send(await reopen(store), "x")], ["duplicate", "duplicate"], "after it was taken");
      requireEqual([await store.inbox("a", 0), (await stored(store)).inbox], [[], { count: 0, last: 1 }], "the inbox");
      requireEqual(await send(store, "z"), "stored", "another");
      requireEqual(
        (await store.inbox("a", 0)).map(({ n }) => n),
        [2],
        "its number",
      );
      await owned(store, "b");
      requireEqual(await send(store, "x", "b"), "stored", "the same id to another run");
    },

    "does not make a run due that nobody has begun": async ({ make }) => {
      const store = await make();
      await store.create({ ...newRun("a"), graphHash: "", dueAt: null });
      requireEqual(await send(store, "x"), "stored", "a message to it");
      requireEqual([(await stored(store)).dueAt, (await stored(store)).inbox.count], [null, 1], "the row");
    },

    "lets a commit take a message once": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      await send(store, "x");
      await send(store, "y");
      await requireCode(store.commit(lease, commitOf(2, {}, { consumed: [1, 1] })), "commit-invalid", "twice in one");
      await requireCode(store.commit(lease, commitOf(2, {}, { consumed: [3] })), "commit-invalid", "one that never came");
      requireTrue((await store.commit(lease, commitOf(2, {}, { consumed: [2] }))).ok, "the second alone");
      await requireCode(store.commit(lease, commitOf(3, {}, { consumed: [2] })), "commit-invalid", "one that was taken");
      requireEqual(
        (await store.inbox("a", 0)).map(({ n }) => n),
        [1],
        "what is left",
      );
      requireEqual((await stored(store)).generation, 2, "the generation");
    },

    "makes a run due by a message that nobody owns": async ({ make }) => {
      const store = await make();
      await store.create(newRun("parked", { dueAt: null }));
      await store.create(newRun("due", { dueAt: 5 }));
      const lease = await owned(store, "owned");
      await store.commit(lease, commitOf(2, {}, { run: { dueAt: null } }));
      for (const taskId of ["parked", "due", "owned"]) requireEqual(await send(store, "x", taskId), "stored", taskId);
      requireEqual(statusOf(await stored(store, "parked"), await store.now()), "READY", "a parked run");
      requireEqual((await stored(store, "due")).dueAt, 5, "a run that is due already");
      requireEqual((await stored(store, "owned")).dueAt, null, "an owned run");
    },

    "wakes a run that was given back before its owner saw a message": async ({ make }) => {
      const store = await make();
      for (const [seen, status] of [
        [0, "READY"],
        [1, "PARKED"],
      ] as const) {
        const lease = await owned(store, status);
        await send(store, "x", status);
        await store.commit(lease, commitOf(2, {}, { release: { seen }, run: { dueAt: null } }));
        requireEqual(statusOf(await stored(store, status), await store.now()), status, `when ${seen} were seen`);
      }
    },

    "takes nothing for a run that has ended, or is not there": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      await send(store, "before");
      await store.commit(lease, commitOf(2, {}, { run: { status: "COMPLETE" } }));
      const before = await stored(store);
      requireEqual([await send(store, "x"), await cancel(store)], ["ended", "ended"], "after the end");
      requireEqual(await send(store, "before"), "duplicate", "a message that came before");
      requireEqual(await stored(store), before, "the run");
      requireEqual([await send(store, "x", "none"), await cancel(store, "none")], ["not-found", "not-found"], "no run");
    },

    "asks the owner to end, once, and does not let it give the run back": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      requireEqual(await cancel(store, "a", ["1"]), "stored", "what is told");
      const asked = (await stored(store)).cancel;
      requireEqual(asked?.reason, "enough", "the request in the row");
      await store.post("a", { kind: "cancel", reason: "again", end: { events: [] } });
      requireEqual((await stored(store)).cancel, asked, "the first request stays");
      const renewed = await store.renew(lease, HOUR);
      const committed = await store.commit(lease, commitOf(2));
      requireEqual([renewed.ok && renewed.cancel, committed.ok && committed.cancel], [asked, asked], "what the owner is told");
      const released = await store.commit(lease, commitOf(3, {}, { release: { seen: 0 } }));
      requireEqual(!released.ok && released.why, "cancelled", "giving it back");
      requireEqual((await stored(store)).generation, 2, "the generation");
      requireTrue((await store.commit(lease, commitOf(3, {}, { run: { status: "CANCELLED" } }))).ok, "its end");
      const end = await stored(store);
      requireEqual([end.status, end.cancel, end.lastSeq], ["CANCELLED", null, 0], "the end");
    },

    "ends a run that nobody owns, in the same step": async ({ make }) => {
      const store = await make();
      const lease = await owned(store, "a", owner("lost", 1), { first: commitOf(1, {}, { events: [{ seq: 1, at: 0, body: "first" }] }) });
      await past(store, lease.until);
      await store.create(newRun("submitted", { dueAt: null }));
      for (const [taskId, first] of [
        ["a", 2],
        ["submitted", 1],
      ] as const) {
        requireEqual(await cancel(store, taskId, ["x", "y"]), "stored", "what is told");
        const run = await stored(store, taskId);
        requireEqual([run.status, run.lease, run.dueAt, run.info, run.lastSeq], ["CANCELLED", null, null, "cancelled", first + 1], taskId);
        requireEqual(run.endedAt, run.updatedAt, "its end");
        const events = await store.events(taskId, { from: first, limit: 9 });
        requireEqual(
          events.map(({ seq, body }) => [seq, body]),
          [
            [first, "x"],
            [first + 1, "y"],
          ],
          "the events",
        );
      }
      const late = await store.commit(lease, commitOf(2));
      requireEqual(!late.ok && late.why, "fenced", "what the lost owner writes");
      requireEqual((await store.renew(lease, HOUR)).ok, false, "its renewal");
    },

    "ends a run by a cancel that goes over its lease, and not by one that goes over another": async ({ make }) => {
      const store = await make();
      const lost = await owned(store);
      const heir = await store.claim("a", owner("heir"), { over: lost.token });
      requireTrue(heir.ok, "the heir's claim");
      const over = (token: number): Promise<PostResult> =>
        store.post("a", { kind: "cancel", reason: "enough", over: token, end: { events: ["x"] } });
      requireEqual(await over(lost.token), "stored", "over a lease before");
      const asked = await stored(store);
      requireEqual([asked.status, asked.cancel?.reason, asked.lease], ["open", "enough", heir.lease], "a request");
      requireEqual(await over(heir.lease.token), "stored", "over its lease");
      const ended = await stored(store);
      requireEqual([ended.status, ended.lease, ended.cancel, ended.lastSeq], ["CANCELLED", null, null, 1], "the end");
      const late = await store.commit(heir.lease, commitOf(2));
      requireEqual(!late.ok && late.why, "fenced", "what its owner writes");
    },

    "lets either a cancel or the commit that gives the run back be first": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      for (let round = 0; round < 12; round++) {
        const taskId = `run ${round}`;
        const lease = await owned(store, taskId);
        const parks = () => store.commit(lease, commitOf(2, {}, { release: { seen: 0 }, run: { dueAt: null } }));
        const cancels = () => cancel(other, taskId, ["end"]);
        const [parked] =
          round % 2 === 0
            ? await Promise.all([parks(), cancels()])
            : await Promise.all([cancels(), parks()]).then(([a, b]) => [b, a] as const);
        const run = await stored(store, taskId);
        if (parked.ok) requireEqual([run.status, run.generation, run.lastSeq], ["CANCELLED", 2, 1], "parked, then ended");
        else requireEqual([parked.why, run.status, run.generation, run.cancel?.reason], ["cancelled", "open", 1, "enough"], "asked first");
      }
    },
  };
}
