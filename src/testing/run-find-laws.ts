/** The laws of a run store about finding runs, their events, and their going. */
import type { FindQuery } from "#contract/store/run-commit";
import { compareRuns } from "#contract/store/run-order";
import type { OwnerProcess, StoredRun } from "#contract/store/run-record";
import { RunStore } from "#contract/store/run-store";
import { requireCode, requireEqual, requireTrue } from "./law.ts";
import { commitOf, HOUR, newRun, owned, owner, past, type RunLaws, stored } from "./run-law.ts";

const idsOf = async (store: RunStore, query: Partial<FindQuery>): Promise<string[]> =>
  (await store.find({ limit: 100, ...query })).map(({ taskId }) => taskId);

/** One run of each status, in the order of their creation. */
async function oneOfEach(store: RunStore): Promise<void> {
  const now = await store.now();
  await store.create(newRun("ready", { dueAt: now, labels: { team: "x", tier: "1" } }));
  await owned(store, "running", owner(), { agent: "reader", labels: { team: "x" } });
  await store.create(newRun("parked", { dueAt: now + HOUR, type: "other", labels: { team: "y" } }));
  for (const status of ["COMPLETE", "FAILED", "PARTIAL", "CANCELLED"] as const) {
    await store.commit(await owned(store, status.toLowerCase()), commitOf(2, {}, { run: { status } }));
  }
  const left = await owned(store, "left", owner("lost", 1));
  await past(store, left.until);
}

export function findLaws(): RunLaws {
  return {
    "finds runs newest first, page by page": async ({ make }) => {
      const store = await make();
      const ids = ["b", "a", "é", "z", "🙂", "\ue000", "A"];
      for (const taskId of ids) await store.create(newRun(taskId));
      const all = await store.find({ limit: 100 });
      const bytes = (text: string): string => [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte)).join("");
      const expected = [...all].sort((a, b) => b.createdAt - a.createdAt || (bytes(a.taskId) < bytes(b.taskId) ? 1 : -1));
      requireEqual(
        all.map(({ taskId }) => taskId),
        expected.map(({ taskId }) => taskId),
        "the order",
      );
      requireEqual(all.length, ids.length, "the number");
      const paged: string[] = [];
      for (let after: FindQuery["after"]; ; ) {
        const page = await store.find({ limit: 2, ...(after === undefined ? {} : { after }) });
        paged.push(...page.map(({ taskId }) => taskId));
        const last = page.at(-1);
        if (last === undefined) break;
        after = last;
        await store.remove(last.taskId);
      }
      requireEqual(
        paged,
        all.map(({ taskId }) => taskId),
        "all pages, though runs went meanwhile",
      );
    },

    "has a run that began before it was stored where it began": async ({ make, reopen }) => {
      const store = await make();
      const now = await store.now();
      await store.create(newRun("now"));
      await store.create(newRun("before", { createdAt: now - HOUR }));
      await store.create(newRun("between", { createdAt: now - 1 }), owner());
      for (const at of [store, await reopen(store)]) {
        requireEqual(await idsOf(at, {}), ["now", "between", "before"], "the order");
        requireEqual(await idsOf(at, { after: await stored(at, "between") }), ["before"], "what comes behind one");
        requireEqual((await stored(at, "before")).createdAt, now - HOUR, "when it began");
      }
      await requireCode(store.create(newRun("never", { createdAt: Number.NaN })), "invalid-options", "no moment");
    },

    "finds runs soonest due first, page by page, where that is asked for": async ({ make, reopen }) => {
      const made = await make();
      const now = await made.now();
      const later: [taskId: string, ms: number | null][] = [
        ["a", 300],
        ["b", 100],
        ["never", null],
        ["c", 200],
        ["\ue000", 100],
        ["\u{1f642}", 100],
      ];
      for (const [taskId, ms] of later) await made.create(newRun(taskId, { dueAt: ms === null ? null : now + HOUR + ms }));
      await made.create(newRun("other", { agent: "reader", dueAt: now }));
      await made.create(newRun("due", { dueAt: now - 1 }));
      await made.commit(await owned(made, "ended"), commitOf(2, {}, { run: { status: "COMPLETE" } }));
      for (const store of [made, await reopen(made)]) {
        const { agent } = await stored(store, "due");
        requireEqual(await idsOf(store, { order: "due", agent, statuses: ["READY"] }), ["due"], "READY");
        const parked: string[] = [];
        for (let after: FindQuery["after"]; ; ) {
          const page = await store.find({ order: "due", agent, statuses: ["PARKED"], limit: 2, ...(after === undefined ? {} : { after }) });
          parked.push(...page.map(({ taskId }) => taskId));
          after = page.at(-1);
          if (after === undefined) break;
        }
        requireEqual(parked, ["b", "\ue000", "\u{1f642}", "c", "a"], "PARKED");
        requireEqual((await idsOf(store, { order: "due" })).slice(0, 2), ["due", "other"], "of any agent and status");
      }
    },

    "finds those that lost owners have left, whatever else is due, soonest due first": async ({ make, reopen }) => {
      const made = await make();
      const now = await made.now();
      const process: OwnerProcess = { host: "here", boot: "b", pid: 1, startedAt: 3 };
      await made.create(newRun("waits", { dueAt: now - 5 }));
      for (const taskId of ["lost", "taken", "gone"]) await made.create(newRun(taskId, { dueAt: now - 1 }));
      await owned(made, "mine");
      await made.claim("gone", { ...owner(), process });
      for (const taskId of ["lost", "taken"]) await made.claim(taskId, owner("before", 1));
      await past(made, (await stored(made, "taken")).lease?.until ?? 0);
      await made.claim("taken", owner());
      const query = { statuses: ["READY"], leased: true, order: "due" } as const;
      for (const store of [made, await reopen(made)]) {
        requireEqual(await idsOf(store, { ...query, isGone: ({ pid }) => pid === 1 }), ["gone", "lost"], "what lost owners have left");
        requireEqual(await idsOf(store, query), ["lost"], "what ran out");
        requireEqual(await idsOf(store, { ...query, agent: "reader" }), [], "of another agent");
        requireEqual((await idsOf(store, { leased: true })).sort(), ["gone", "lost", "mine", "taken"], "all with a lease");
      }
    },

    "finds runs by status, agent, type, labels and age": async ({ make, reopen }) => {
      const made = await make();
      await oneOfEach(made);
      for (const store of [made, await reopen(made)]) {
        const found = async (query: Partial<FindQuery>): Promise<string[]> => (await idsOf(store, query)).sort();
        requireEqual(await found({ statuses: ["READY"] }), ["left", "ready"], "READY");
        requireEqual(await found({ statuses: ["RUNNING"] }), ["running"], "RUNNING");
        requireEqual(await found({ statuses: ["PARKED"] }), ["parked"], "PARKED");
        for (const status of ["COMPLETE", "FAILED", "PARTIAL", "CANCELLED"] as const)
          requireEqual(await found({ statuses: [status] }), [status.toLowerCase()], status);
        requireEqual(await found({ statuses: ["RUNNING", "FAILED"] }), ["failed", "running"], "two statuses");
        requireEqual(await found({ statuses: [] }), [], "no status");
        requireEqual(await found({ agent: "reader" }), ["running"], "an agent");
        requireEqual(await found({ agent: "reader", statuses: ["READY"] }), [], "an agent and a status");
        requireEqual(await found({ type: "other" }), ["parked"], "a type");
        requireEqual(await found({ labels: { team: "x" } }), ["ready", "running"], "a label");
        requireEqual(await found({ labels: { team: "x", tier: "1" } }), ["ready"], "two labels");
        requireEqual(await found({ labels: { toString: "x" } }), [], "a label that no run has");
        const { updatedAt } = await stored(store, "left");
        requireEqual((await found({ updatedBefore: updatedAt })).includes("left"), false, "before it changed");
        requireEqual((await found({ updatedBefore: updatedAt + 1 })).length, 8, "all that changed before");
      }
    },

    "counts the lease of a process that is said to be gone as run out, where runs are found": async ({ make, reopen }) => {
      const made = await make();
      const process = (pid: number): OwnerProcess => ({ host: 'here\'s "one"', boot: "b", pid, startedAt: 3 });
      await made.create(newRun("submitted"));
      for (const [taskId, pid] of [
        ["first", 1],
        ["second", 2],
        ["third", 3],
        ["fourth", 1],
      ] as const)
        await owned(made, taskId, { ...owner(taskId), process: process(pid) });
      await owned(made, "nowhere");
      const asked = new Set<number>();
      const isGone = ({ pid }: OwnerProcess): boolean => asked.add(pid) && pid !== 2;
      for (const store of [made, await reopen(made)]) {
        const found = async (query: Partial<FindQuery>): Promise<string[]> => (await idsOf(store, query)).sort();
        requireEqual(await found({ statuses: ["READY"], isGone }), ["first", "fourth", "submitted", "third"], "READY");
        requireEqual(await found({ statuses: ["RUNNING"], isGone }), ["nowhere", "second"], "RUNNING");
        requireEqual([...asked].sort(), [1, 2, 3], "the processes that are asked about");
        requireEqual((await found({ statuses: ["READY", "RUNNING"], isGone })).length, 6, "both");
        requireEqual(await found({ statuses: ["PARKED"], isGone }), [], "PARKED");
        requireEqual((await found({ isGone })).length, 6, "any status");
        requireEqual(await found({ statuses: ["READY"], isGone: () => false }), ["submitted"], "READY while all are there");
        const [newest] = await store.find({ statuses: ["READY"], isGone, limit: 1 });
        const rest = await idsOf(store, { statuses: ["READY"], isGone, after: newest as StoredRun });
        requireEqual([newest?.taskId, ...rest].sort(), ["first", "fourth", "submitted", "third"], "two pages");
        requireEqual((newest as StoredRun).lease?.owner.id, newest?.taskId, "the row as it is stored");
      }
    },

    "keeps the newest events, and gives them from any number on": async ({ make, reopen }) => {
      const store = await make({ keepEvents: 60, keep: 3 });
      const lease = await owned(store);
      let seq = 0;
      for (let generation = 2; generation <= 100; generation++) {
        const events = [...Array(generation % 3).keys()].map(() => ({ seq: ++seq, at: seq * 10, body: `event ${seq}` }));
        requireTrue((await store.commit(lease, commitOf(generation, {}, { events }))).ok, "a commit");
      }
      const more = [...Array(9).keys()].map(() => ({ seq: ++seq, at: seq * 10, body: `event ${seq}` }));
      await store.commit(lease, commitOf(101, {}, { events: more }));
      requireEqual((await stored(store)).lastSeq, seq, "the number of the newest");
      for (const at of [store, await reopen(store)]) {
        const found = await at.events("a", { from: 1, limit: 100 });
        const kept = [...Array(60).keys()].map((n) => seq - 59 + n);
        requireEqual(
          found,
          kept.map((n) => ({ seq: n, at: n * 10, body: `event ${n}` })),
          "the kept ones",
        );
        requireEqual(
          (await at.events("a", { from: seq - 2, limit: 2 })).map((event) => event.seq),
          [seq - 2, seq - 1],
          "two of them",
        );
        requireEqual(await at.events("a", { from: seq + 1, limit: 5 }), [], "beyond the newest");
      }
    },

    "removes a run with all that it had": async ({ make }) => {
      const store = await make();
      const event = { seq: 1, at: 0, body: "1" };
      const lease = await owned(store, "a", owner(), { labels: { team: "x" }, first: commitOf(1, { old: "1" }, { events: [event] }) });
      await store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" });
      requireEqual([await store.remove("a"), await store.remove("a")], [true, false], "what is told");
      requireEqual([await store.read("a"), await store.load("a"), await store.inbox("a", 0)], [undefined, undefined, []], "the run");
      const late = await store.commit(lease, commitOf(2));
      requireEqual(!late.ok && late.why, "not-found", "what its owner is told");
      await owned(store);
      requireEqual([...((await store.load("a"))?.parts.keys() ?? [])], ["agent"], "the parts of a new run of that id");
      requireEqual([await store.inbox("a", 0), await store.events("a", { from: 1, limit: 9 })], [[], []], "its inbox and events");
      requireEqual(await store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" }), "stored", "a message of an old id");
      requireEqual(await idsOf(store, { labels: { team: "x" } }), [], "the labels of the old run");
    },

    "prunes ended runs that nobody owns, but the newest that are to stay": async ({ make }) => {
      const store = await make();
      await oneOfEach(store);
      requireEqual(await store.prune({ endedBefore: 1 }), 0, "none ended so early");
      requireTrue((await store.claim("failed", owner(), { ended: true })).ok, "one goes on");
      const ended = await Promise.all(["complete", "partial", "cancelled"].map((taskId) => stored(store, taskId)));
      const byEnd = (a: StoredRun, b: StoredRun): number => (b.endedAt ?? 0) - (a.endedAt ?? 0) || compareRuns(a, b);
      const newest = ended.sort(byEnd)[0]?.taskId;
      const removed = await store.prune({ keep: 1 });
      requireTrue(removed === 2 && (await store.read(newest as string)) !== undefined, `two go and ${newest} stays, ${removed} went`);
      requireEqual(await store.prune({}), 1, "the last one");
      requireEqual((await idsOf(store, {})).sort(), ["failed", "left", "parked", "ready", "running"], "what is left");
    },

    "forgets an ended run after `retainMs`": async ({ make, reopen }) => {
      const store = await make({ retainMs: 20 });
      const lease = await owned(store);
      await owned(store, "open");
      await store.commit(lease, commitOf(2, {}, { run: { status: "COMPLETE" } }));
      const { endedAt } = (await store.read("a")) ?? { endedAt: 0 };
      await past(store, (endedAt ?? 0) + 20);
      requireEqual([await store.read("a"), await store.load("a"), await idsOf(store, {})], [undefined, undefined, ["open"]], "the run");
      requireEqual(await store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" }), "not-found", "a message");
      requireEqual((await store.create(newRun("a"), owner())).ok, true, "a new run of that id");
      requireEqual((await stored(await reopen(store), "a")).generation, 1, "its generation");
    },

    "tells of changes, also of another store's, until nobody listens": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      let told: () => void = () => {};
      const heard = (): Promise<void> =>
        new Promise((resolve) => {
          told = resolve;
        });
      const end = store.subscribe((taskId) => {
        if (taskId === "a" || taskId === null) told();
      });
      const first = heard();
      await owned(other);
      await first;
      const second = heard();
      await other.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" });
      await second;
      end();
      end();
      const last = store.subscribe(() => told());
      const third = heard();
      await store.remove("a");
      await third;
      last();
    },

    "says what nobody keeps to who hears of that run, in order, until it hears no more": async ({ make }) => {
      const store = await make();
      const hearing = (until: string): { said: string[]; all: Promise<void>; end: () => void } => {
        const { promise: all, resolve } = Promise.withResolvers<void>();
        const said: string[] = [];
        const end = store.hear("a", (text) => {
          said.push(text);
          if (text === until) resolve();
        });
        return { said, all, end };
      };
      const first = hearing("3");
      for (const [taskId, text] of [
        ["a", "1"],
        ["b", "of another"],
        ["a", "2"],
        ["a", "3"],
      ] as const)
        store.publish(taskId, text);
      await first.all;
      first.end();
      first.end();
      const second = hearing("4");
      store.publish("a", "4");
      await second.all;
      second.end();
      requireEqual([first.said, second.said], [["1", "2", "3"], ["4"]], "what was heard");
      await store.close();
      store.publish("a", "5");
    },

    "says it once where it is said, and elsewhere, too, where it has a way to other processes": async ({ make, reopen }) => {
      const store = await make();
      const other = store.hear === RunStore.prototype.hear ? store : await reopen(store);
      await owned(store);
      const { promise: isThere, resolve: there } = Promise.withResolvers<void>();
      const { promise: all, resolve: heardAll } = Promise.withResolvers<void>();
      const [here, elsewhere]: [string[], string[]] = [[], []];
      store.hear("a", (text) => here.push(text));
      const leave = other.hear("a", (text) => {
        elsewhere.push(text);
        if (text === "?") there();
        if (text === "é3") heardAll();
      });
      // It may take a while until the other one hears.
      const asking = setInterval(() => store.publish("a", "?"), 10);
      await isThere;
      clearInterval(asking);
      store.publish("a", "1");
      store.publish("b", "of another");
      store.publish("a", "1");
      store.publish("a", "\n2");
      store.publish("a", "é3");
      await all;
      leave();
      for (const said of [here, elsewhere])
        requireEqual(
          said.filter((text) => text !== "?"),
          ["1", "1", "\n2", "é3"],
          "what was heard",
        );
    },

    "does nothing after it was closed, twice if need be": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      await store.close();
      await store.close();
      const calls: Record<string, () => Promise<unknown>> = {
        create: () => store.create(newRun("b")),
        claim: () => store.claim("a", owner()),
        renew: () => store.renew(lease, 1),
        commit: () => store.commit(lease, commitOf(2)),
        read: () => store.read("a"),
        load: () => store.load("a"),
        generations: () => store.generations("a", { limit: 1 }),
        inbox: () => store.inbox("a", 0),
        post: () => store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" }),
        find: () => store.find({ limit: 1 }),
        events: () => store.events("a", { from: 1, limit: 1 }),
        remove: () => store.remove("a"),
        prune: () => store.prune({}),
        now: () => store.now(),
        subscribe: async () => store.subscribe(() => {}),
      };
      for (const [name, call] of Object.entries(calls)) await requireCode(call(), "store-closed", name);
    },
  };
}
