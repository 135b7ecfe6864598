/** The laws of a run store about questions: opened and closed by commits, each ended once, and listed from anywhere. */
import type { Commit } from "#contract/store/run-commit";
import type { Lease, Sealed } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import type { NewQuestion, QuestionQuery, StoredQuestion } from "#contract/store/stored-question";
import { requireCode, requireEqual, requireTrue } from "./law.ts";
import { commitOf, HOUR, newRun, owned, owner, past, type RunLaws, requireSealed, stored } from "./run-law.ts";

const question = (id: string, rest: Partial<NewQuestion> = {}): NewQuestion => ({
  id,
  askedAt: 1,
  deadline: null,
  to: null,
  body: `"${id}"`,
  ...rest,
});

type Closing = NonNullable<Commit["questions"]>["close"][number];

const asking = (generation: number, put: readonly NewQuestion[], close: readonly Closing[] = [], rest: Partial<Commit> = {}): Commit =>
  commitOf(generation, {}, { questions: { put, close }, ...rest });

const listed = (store: RunStore, query: Partial<QuestionQuery> = {}): Promise<StoredQuestion[]> =>
  store.questions({ limit: 100, ...query });

const idsOf = async (store: RunStore, query: Partial<QuestionQuery> = {}): Promise<string[]> =>
  (await listed(store, query)).map(({ id }) => id);

async function found(store: RunStore, id: string): Promise<StoredQuestion> {
  const [question, ...more] = await listed(store, { id });
  if (question === undefined || more.length > 0) throw new Error(`the store must hold question "${id}", once`);
  return question;
}

const whyOf = async (store: RunStore, id: string): Promise<[why?: string, by?: string]> => {
  const { closed } = await found(store, id);
  return closed === null ? [] : closed.by === undefined ? [closed.why] : [closed.why, closed.by];
};

interface Ending {
  message?: string;
  body?: Sealed;
  by?: string;
  why?: "answered" | "deadline";
  until?: number;
  from?: number;
}

/** A message that ends the question. */
const end = (store: RunStore, id: string, { message = `answer/${id}`, body = '"yes"', by, why = "answered", ...time }: Ending = {}) =>
  store.post(id.slice(id.indexOf(".") + 1), {
    kind: "message",
    id: message,
    mailbox: "",
    body,
    ...time,
    closes: { id, why, ...(by === undefined ? {} : { by }) },
  });

async function made(store: RunStore, lease: Lease, commit: Commit): Promise<void> {
  requireTrue((await store.commit(lease, commit)).ok, `generation ${commit.generation} must be made`);
}

export function questionLaws(): RunLaws {
  return {
    "keeps a question as the commit that asked it gave it": async ({ make, reopen }) => {
      const store = await make();
      const bytes = new Uint8Array([0, 255, 34]);
      const first = asking(1, [question("q1.a", { askedAt: 7, deadline: 9, to: "lead", body: bytes })]);
      const lease = await owned(store, "a", owner(), { first });
      await made(store, lease, asking(2, [question("q2.a", { askedAt: 5 })]));
      for (const each of [store, await reopen(store)]) {
        const both = await listed(each);
        requireEqual(
          both.map(({ id, taskId, agent, askedAt, deadline, to, closed }) => [id, taskId, agent, askedAt, deadline, to, closed]),
          [
            ["q2.a", "a", "writer", 5, null, null, null],
            ["q1.a", "a", "writer", 7, 9, "lead", null],
          ],
          "what is listed, oldest first",
        );
        requireSealed(both[0]?.body, '"q2.a"', "a body of text");
        requireSealed(both[1]?.body, bytes, "a body of bytes");
      }
    },

    "finds questions by id, task, agent, addressee and deadline, page by page": async ({ make }) => {
      const store = await make();
      const put = Array.from({ length: 7 }, (_, n) =>
        question(`q${n}.a`, {
          askedAt: 10 + (n >> 1),
          deadline: n % 3 === 0 ? null : 100 + n,
          to: n % 2 === 0 ? "lead" : "head",
        }),
      );
      await owned(store, "a", owner(), { first: asking(1, put) });
      await owned(store, "b", owner(), { agent: "other", first: asking(1, [question("q.b", { askedAt: 11 })]) });
      await owned(store, "c");
      const all = ["q0.a", "q1.a", "q.b", "q2.a", "q3.a", "q4.a", "q5.a", "q6.a"];
      const ofA = all.filter((id) => id !== "q.b");
      requireEqual(await idsOf(store), all, "all");
      requireEqual([await idsOf(store, { id: "q3.a" }), await idsOf(store, { id: "none.a" })], [["q3.a"], []], "by id");
      requireEqual(await Promise.all(["a", "b", "c", "none"].map((taskId) => idsOf(store, { taskId }))), [ofA, ["q.b"], [], []], "by task");
      requireEqual([await idsOf(store, { agent: "other" }), await idsOf(store, { agent: "none" })], [["q.b"], []], "by agent");
      requireEqual(await idsOf(store, { to: "head" }), ["q1.a", "q3.a", "q5.a"], "by addressee");
      requireEqual(await idsOf(store, { dueBefore: 104 }), ["q1.a", "q2.a"], "those that are due before");
      requireEqual(await idsOf(store, { taskId: "a", to: "lead", dueBefore: 200 }), ["q2.a", "q4.a"], "by several");
      requireEqual(await idsOf(store, { id: "q3.a", taskId: "b" }), [], "an id of another task");
      for (const size of [1, 3]) {
        const pages: string[] = [];
        for (let after: StoredQuestion | undefined; ; ) {
          const page = await listed(store, { limit: size, ...(after === undefined ? {} : { after }) });
          pages.push(...page.map(({ id }) => id));
          after = page.at(-1);
          if (page.length < size || after === undefined) break;
        }
        requireEqual(pages, all, `in pages of ${size}`);
      }
      await requireCode(store.questions({ limit: 0 }), "invalid-options", "a limit of 0");
    },

    "asks somebody else where a question is put again": async ({ make, reopen }) => {
      const store = await make();
      const lease = await owned(store, "a", owner(), { first: asking(1, [question("q.a", { to: "lead" })]) });
      await made(store, lease, asking(2, [question("q.a", { to: "head", body: "new" })]));
      for (const each of [store, await reopen(store)]) {
        requireEqual([await idsOf(each, { to: "lead" }), await idsOf(each, { to: "head" })], [[], ["q.a"]], "who is asked");
        requireSealed((await found(each, "q.a")).body, "new", "what is asked");
      }
    },

    "closes a question once: how it ended first stands, and it is not opened again": async ({ make, reopen }) => {
      const store = await make();
      const lease = await owned(store, "a", owner(), { first: asking(1, [question("q.a"), question("other.a")]) });
      await made(store, lease, asking(2, [], [{ id: "q.a", why: "answered", by: "ada" }]));
      const { updatedAt } = await stored(store);
      await made(store, lease, asking(3, [], [{ id: "q.a", why: "superseded" }]));
      await made(store, lease, asking(4, [question("q.a", { to: "head" })]));
      await made(store, lease, asking(5, [question("both.a")], [{ id: "both.a", why: "superseded" }]));
      await made(store, lease, asking(6, [], [{ id: "none.a", why: "superseded" }]));
      for (const each of [store, await reopen(store)]) {
        const { closed } = await found(each, "q.a");
        requireEqual([closed?.why, closed?.by, closed?.at], ["answered", "ada", updatedAt], "how it ended");
        requireEqual(await whyOf(each, "both.a"), ["superseded"], "one that is opened and closed at once");
        requireEqual([await idsOf(each), await idsOf(each, { id: "none.a" })], [["other.a"], []], "what is open");
      }
    },

    "opens and closes nothing by a commit that is refused": async ({ make }) => {
      const store = await make();
      const lost = await owned(store, "a", owner(), { first: asking(1, [question("q.a", { to: "lead" }), question("other.a")]) });
      const heir = await store.claim("a", owner("heir"), { over: lost.token });
      requireTrue(heir.ok, "the heir's claim");
      const late = await store.commit(
        lost,
        asking(2, [question("new.a"), question("q.a", { to: "head" })], [{ id: "other.a", why: "answered" }]),
      );
      requireEqual(late.ok, false, "the commit");
      requireEqual([await idsOf(store), (await found(store, "q.a")).to], [["other.a", "q.a"], "lead"], "what is asked");
      await made(store, heir.lease, asking(2, [], [{ id: "other.a", why: "superseded" }]));
      requireEqual(await whyOf(store, "other.a"), ["superseded"], "how it ended by its heir");
    },

    "refuses questions whose text or size it cannot keep, with all that came with them": async ({ make }) => {
      const store = await make({ maxPartBytes: 100 });
      const lease = await owned(store);
      const refused = async (put: NewQuestion, code: string): Promise<void> =>
        await requireCode(store.commit(lease, asking(2, [question("fits.a"), put])), code, JSON.stringify(put).slice(0, 60));
      await refused(question("\ud800.a"), "run-store-text");
      await refused(question("q.a", { to: "\ud800" }), "run-store-text");
      await refused(question("q.a", { body: "\ud800" }), "run-store-text");
      await refused(question("q.a", { body: "x".repeat(101) }), "part-too-large");
      await refused(question("q.a", { deadline: 0.5 }), "invalid-options");
      await refused(question("q.a", { askedAt: Number.NaN }), "invalid-options");
      requireEqual([await idsOf(store), (await stored(store)).generation], [[], 1], "what is stored");
      await made(store, lease, asking(2, [question("q.a", { body: "x".repeat(100) })]));
      requireEqual(await idsOf(store), ["q.a"], "one that just fits");
    },

    "closes a question in the step of the message that ends it, and takes no other": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      const lease = await owned(store, "a", owner(), { first: asking(1, [question("q.a"), question("w.a")]) });
      requireEqual(await end(other, "q.a", { by: "ada" }), "stored", "the first");
      requireEqual([await whyOf(store, "q.a"), await idsOf(other)], [["answered", "ada"], ["w.a"]], "what is open");
      requireEqual((await stored(store)).inbox, { count: 1, last: 1 }, "its message");
      requireEqual(await end(store, "q.a", { by: "bob", body: '"no"' }), "duplicate", "another of the same id");
      requireEqual(await end(store, "q.a", { by: "bob", message: "other" }), "closed", "another of another id");
      await made(store, lease, asking(2, [], [{ id: "w.a", why: "superseded" }]));
      requireEqual(await end(other, "w.a"), "closed", "one that was closed by a commit");
      requireEqual(await whyOf(other, "w.a"), ["superseded"], "how that ended");
      const [message, ...more] = await other.inbox("a", 0);
      requireEqual([message?.id, more], ["answer/q.a", []], "the inbox");
      requireSealed(message?.body, '"yes"', "what the run hears");
      await made(store, lease, asking(3, [], [{ id: "q.a", why: "answered" }], { consumed: [1] }));
      requireEqual(await end(other, "q.a"), "duplicate", "one after it was taken");
      requireEqual(await whyOf(other, "q.a"), ["answered", "ada"], "how it ended");
    },

    "keeps what the message that ended a question said, after it was taken, too": async ({ make, reopen }) => {
      const store = await make();
      const other = await reopen(store);
      const lease = await owned(store, "a", owner(), { first: asking(1, [question("q.a"), question("w.a")]) });
      await end(other, "q.a");
      await end(other, "q.a", { body: '"no"' });
      await end(other, "w.a", { body: Uint8Array.of(0, 255) });
      await made(store, lease, asking(2, [], [{ id: "q.a", why: "answered" }], { consumed: [1, 2] }));
      for (const each of [store, other, await reopen(store)]) {
        requireSealed((await found(each, "q.a")).closed?.message, '"yes"', "what was said");
        requireSealed((await found(each, "w.a")).closed?.message, Uint8Array.of(0, 255), "bytes");
      }
    },

    "lets one of several ends be the first, whose message is the run's": async ({ make, reopen }) => {
      const store = await make();
      const stores = [store, await reopen(store), await reopen(store)];
      for (let round = 0; round < 8; round++) {
        const id = `q.run ${round}`;
        await owned(store, `run ${round}`, owner(), { first: asking(1, [question(id)]) });
        const told = await Promise.all(stores.map((each, n) => end(each, id, { by: `${n}`, body: `"${n}"` })));
        requireEqual([...told].sort(), ["duplicate", "duplicate", "stored"], "what they are told");
        const winner = told.indexOf("stored");
        for (const each of stores) {
          requireEqual(await whyOf(each, id), ["answered", `${winner}`], "how it ended");
          const [message, ...more] = await each.inbox(`run ${round}`, 0);
          requireEqual(more, [], "other messages");
          requireSealed(message?.body, `"${winner}"`, "what the run hears");
        }
      }
    },

    "takes no end of a question at its deadline or after, and no deadline before that": async ({ make }) => {
      const store = await make();
      await owned(store, "a", owner(), { first: asking(1, [question("q.a")]) });
      const now = await store.now();
      requireEqual(await end(store, "q.a", { until: now }), "late", "at the deadline");
      requireEqual(await end(store, "q.a", { why: "deadline", from: now + HOUR }), "early", "before the deadline");
      requireEqual([await idsOf(store), (await stored(store)).inbox.last], [["q.a"], 0], "what is stored of these");
      await past(store, now);
      requireEqual(await end(store, "q.a", { why: "deadline", from: now }), "stored", "after the deadline");
      requireEqual(await end(store, "q.a", { until: now + HOUR }), "duplicate", "an answer after that");
      requireEqual(await whyOf(store, "q.a"), ["deadline"], "how it ended");
      await owned(store, "b", owner(), { first: asking(1, [question("q.b")]) });
      requireEqual(await end(store, "q.b", { until: now + HOUR }), "stored", "before the deadline");
    },

    "takes no end of a question of a run whose cancel was asked for": async ({ make }) => {
      const store = await make();
      const lease = await owned(store, "a", owner(), { first: asking(1, [question("q.a")]) });
      await store.post("a", { kind: "cancel", reason: "enough", end: { events: [] } });
      requireEqual([await end(store, "q.a"), await end(store, "q.a", { why: "deadline", from: 0 })], ["cancelled", "cancelled"], "ends");
      requireEqual([await idsOf(store), (await stored(store)).inbox.last], [["q.a"], 0], "what is stored of them");
      requireEqual(await store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" }), "stored", "a message that ends none");
      await made(store, lease, commitOf(2, {}, { run: { status: "CANCELLED" } }));
      requireEqual([await idsOf(store), await whyOf(store, "q.a")], [[], ["cancelled"]], "after its end");
    },

    "closes all questions of a run with its end, for good": async ({ make, reopen }) => {
      const store = await make();
      const first = (taskId: string): Commit => asking(1, [question(`open.${taskId}`), question(`closed.${taskId}`)]);
      const ends: [taskId: string, why: string, end: (lease: Lease) => Promise<unknown>][] = [
        ["done", "ended", (lease) => store.commit(lease, asking(2, [question("late.done")], [], { run: { status: "COMPLETE" } }))],
        ["owned", "cancelled", (lease) => store.commit(lease, commitOf(2, {}, { run: { status: "CANCELLED" } }))],
        ["left", "cancelled", (lease) => store.post("left", { kind: "cancel", reason: "", over: lease.token, end: { events: [] } })],
      ];
      for (const [taskId, why, toEnd] of ends) {
        const lease = await owned(store, taskId, owner(), { first: first(taskId) });
        requireEqual(await end(store, `closed.${taskId}`), "stored", "an answer before the end");
        await toEnd(lease);
        const run = await stored(store, taskId);
        for (const each of [store, await reopen(store)]) {
          const { closed } = await found(each, `open.${taskId}`);
          requireEqual([closed?.why, closed?.at], [why, run.endedAt], `how a question of "${taskId}" ended`);
          requireEqual(await whyOf(each, `closed.${taskId}`), ["answered"], "one that had ended before");
          requireEqual(await idsOf(each, { taskId }), [], "what is open");
        }
        requireEqual(await end(store, `open.${taskId}`), "ended", "an answer after the end");
        const heir = await store.claim(taskId, owner("heir"), { ended: true });
        requireTrue(heir.ok, "the claim of an ended run");
        await made(store, heir.lease, asking(run.generation + 1, [question(`again.${taskId}`)], [], { run: { status: "open" } }));
        requireEqual(await idsOf(store, { taskId }), [`again.${taskId}`], "what is open when it goes on");
        requireEqual(await whyOf(await reopen(store), `open.${taskId}`), [why], "how it ended, when the run goes on");
        requireEqual(await end(store, `open.${taskId}`), "closed", "an answer to it then");
      }
      requireEqual(await whyOf(store, "late.done"), ["ended"], "one that is opened by the end");
    },

    "takes its questions away with a run": async ({ make, reopen }) => {
      const store = await make();
      for (const taskId of ["removed", "pruned"]) {
        const lease = await owned(store, taskId, owner(), { first: asking(1, [question(`q.${taskId}`), question(`answered.${taskId}`)]) });
        await end(store, `answered.${taskId}`);
        if (taskId === "removed") await store.remove(taskId);
        else {
          await store.commit(lease, commitOf(2, {}, { run: { status: "COMPLETE" } }));
          requireEqual(await store.prune({}), 1, "what is pruned");
        }
        for (const each of [store, await reopen(store)]) {
          const left = await Promise.all([`q.${taskId}`, `answered.${taskId}`].map((id) => idsOf(each, { id })));
          requireEqual([...left, await idsOf(each)], [[], [], []], `what is left of "${taskId}"`);
        }
        requireEqual(await end(store, `q.${taskId}`), "not-found", "an answer");
        await store.create(newRun(taskId));
        requireEqual(await idsOf(store, { id: `q.${taskId}` }), [], "another run of that id");
        await store.remove(taskId);
      }
    },
  };
}
