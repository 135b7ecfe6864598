/** The laws of a run store about commits and the generations that they make. */
import type { Sealed } from "#contract/store/run-record";
import { statusOf } from "#contract/store/run-status";
import { ODD_NAMES } from "./cache-law.ts";
import { requireCode, requireEqual, requireTrue } from "./law.ts";
import { chance, commitOf, HOUR, loaded, newRun, owned, owner, type RunLaws, requireParts, requireSealed, stored } from "./run-law.ts";

const ODD_TEXTS: readonly Sealed[] = [
  "",
  "no JSON",
  ' {\n\t"a" : [ 1 , 2 ]\r\n} ',
  '"},\n"task":{"',
  "\u0000",
  '"é e\u0301 語 🙂 \u2028 \ufeff"',
  "\ufeff1",
  new Uint8Array(0),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  '{"base64":"AAEC"}',
];

export function commitLaws(): RunLaws {
  return {
    "gives back names, texts and bytes as they were given": async ({ make, reopen }) => {
      const store = await make();
      const names = [...ODD_NAMES, "", "agent", "cache/é", "cache/e\u0301", "cache/É", "mailbox/x", "0", "x/".repeat(300)];
      const parts = new Map(names.map((name, index) => [name, ODD_TEXTS[index % ODD_TEXTS.length] as Sealed]));
      ODD_TEXTS.forEach((text, index) => {
        parts.set(`text/${index}`, text);
      });
      for (const [index, sealed] of ODD_TEXTS.entries()) {
        const events = [{ seq: 1, at: 5, body: sealed }];
        const first = commitOf(1, {}, { info: sealed, put: parts, events, nodes: ODD_NAMES });
        const taskId = `task ${index}`;
        await owned(store, taskId, owner(), { info: sealed, labels: { "": "", __proto: "1", ünï: "🙂\n" }, first });
        for (const at of [store, await reopen(store)]) {
          const found = await loaded(at, taskId);
          requireParts(found.parts, parts, "a generation");
          requireSealed(found.info, sealed, "the info of the generation");
          requireSealed((await at.generations(taskId, { limit: 1 }))[0]?.info, sealed, "the info of a listed generation");
          const run = await stored(at, taskId);
          requireSealed(run.info, sealed, "the info of the run");
          requireEqual(
            Object.entries(run.labels).sort(),
            [
              ["", ""],
              ["__proto", "1"],
              ["ünï", "🙂\n"],
            ],
            "the labels",
          );
          requireSealed((await at.events(taskId, { from: 1, limit: 1 }))[0]?.body, sealed, "an event");
        }
      }
    },

    "keeps runs with odd task ids apart": async ({ make, reopen }) => {
      const store = await make();
      const ids = [...ODD_NAMES, "task", "TASK", "Task", "é", "e\u0301", "1_plan", ".tmp-0", "run", "CON", "trailing. "];
      await Promise.all(ids.map((taskId) => owned(store, taskId, owner(), { first: commitOf(1, { agent: JSON.stringify(taskId) }) })));
      const again = await reopen(store);
      for (const taskId of ids) {
        requireEqual((await stored(again, taskId)).taskId, taskId, "the run's id");
        requireEqual([...(await loaded(again, taskId)).parts], [["agent", JSON.stringify(taskId)]], "the run's parts");
      }
      requireEqual((await again.find({ limit: 100 })).map((run) => run.taskId).sort(), [...ids].sort(), "all runs");
    },

    "keeps every kept generation exactly as it was, after 1,000 random commits": async ({ make, reopen }) => {
      const store = await make({ keep: 20 });
      const random = chance(20_261_127);
      const model: Map<string, Sealed>[] = [new Map(), new Map([["agent", "{}"]])];
      let lease = await owned(store);
      const check = async (generation: number): Promise<void> =>
        requireParts((await loaded(store, "a", generation)).parts, model[generation] as Map<string, Sealed>, `generation ${generation}`);
      for (let generation = 2; generation <= 1_001; generation++) {
        const whole = random() < 0.01;
        const before = model[generation - 1] as Map<string, Sealed>;
        const name = (): string => `node/${Math.floor(random() ** 2 * 60)}`;
        const put = new Map(
          [...Array(Math.floor(random() * 4)).keys()].map((n) => [name(), `"${generation} ${n}"`.padEnd(random() < 0.02 ? 5_000 : 9)]),
        );
        const remove = [...new Set([...Array(Math.floor(random() * 2)).keys()].map(name))].filter((each) => !put.has(each));
        const after = new Map<string, Sealed>([...(whole ? [] : before), ...put]);
        for (const each of remove) after.delete(each);
        model.push(after);
        requireTrue((await store.commit(lease, commitOf(generation, {}, { put, remove, whole }))).ok, `commit ${generation} is made`);
        if (generation % 100 === 0) {
          const claim = await store.claim("a", owner(String(generation)), { over: lease.token });
          requireTrue(claim.ok, "the run is claimed anew");
          lease = claim.lease;
        }
        if (random() < 0.05) await check(Math.max(1, generation - Math.floor(random() * 20)));
      }
      for (let generation = 982; generation <= 1_001; generation++) await check(generation);
      const again = await reopen(store);
      requireParts((await loaded(again, "a")).parts, model[1_001] as Map<string, Sealed>, "the newest generation");
      requireParts((await loaded(again, "a", 985)).parts, model[985] as Map<string, Sealed>, "generation 985");
      requireEqual(
        [await again.load("a", 981), await again.load("a", 1_002), await again.load("a", 0)],
        [undefined, undefined, undefined],
        "others",
      );
      const kept = await again.generations("a", { limit: 100 });
      requireEqual(
        kept.map((entry) => entry.generation),
        [...Array(20).keys()].map((n) => 1_001 - n),
        "the kept generations",
      );
    },

    "lists generations newest first, with what each wrote": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      await store.commit(lease, commitOf(2, { agent: "x".repeat(1_000) }));
      await store.commit(lease, commitOf(3));
      const all = await store.generations("a", { limit: 9 });
      requireEqual(
        all.map(({ generation, info }) => [generation, info]),
        [3, 2, 1].map((generation) => [generation, `{"generation":${generation}}`]),
        "all",
      );
      const [third = 0, second = 0] = all.map(({ bytes }) => bytes);
      requireTrue(third < 100 && second >= 1_000 && second < 1_100, `bytes follow the change: ${second}, then ${third} for none`);
      requireTrue(
        all.every(({ at }, index) => at <= (all[index - 1]?.at ?? at)),
        "moments go on",
      );
      requireEqual(
        (await store.generations("a", { before: 3, limit: 1 })).map(({ generation }) => generation),
        [2],
        "one before the third",
      );
    },

    "makes a commit of the next generation only, and tells what is there": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      requireTrue((await store.commit(lease, commitOf(2))).ok, "the second");
      const before = await stored(store);
      for (const generation of [1, 2, 4]) {
        const result = await store.commit(lease, commitOf(generation, { agent: "1" }));
        requireEqual(!result.ok && [result.why, "run" in result && result.run], ["fenced", before], `generation ${generation}`);
      }
      requireEqual([...(await loaded(store, "a")).parts], [["agent", "{}"]], "the parts");
    },

    "makes one of many commits of a generation": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      const commits = await Promise.all([...Array(8).keys()].map((n) => store.commit(lease, commitOf(2, { agent: String(n) }))));
      const winners = [...commits.keys()].filter((n) => commits[n]?.ok);
      requireEqual([winners.length, (await loaded(store, "a")).parts.get("agent")], [1, String(winners[0])], "the one that was made");
    },

    "changes the row with the commit, and its end gives the lease back": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      const run = { info: "new", graphHash: "def", version: "2", dueAt: 77 };
      requireTrue((await store.commit(lease, commitOf(2, {}, { run }))).ok, "a commit");
      const row = await stored(store);
      requireEqual([row.info, row.graphHash, row.version, row.dueAt, row.lease], [...Object.values(run), lease], "the row");
      const ended = await store.commit(lease, commitOf(3, {}, { run: { status: "PARTIAL" } }));
      requireTrue(ended.ok, "the end");
      const end = await stored(store);
      requireEqual([end.status, end.endedAt, end.dueAt, end.lease, end.updatedAt], ["PARTIAL", ended.at, null, null, ended.at], "the end");
      requireEqual(
        [await store.commit(lease, commitOf(4))].map((each) => !each.ok && each.why),
        ["fenced"],
        "a commit after the end",
      );
      requireEqual(
        [await store.claim("a", owner())].map((each) => !each.ok && each.why),
        ["ended"],
        "a claim after the end",
      );
      const again = await store.claim("a", owner(), { ended: true });
      requireTrue(again.ok && statusOf(again.run, await store.now()) === "PARTIAL", "a claim to go on");
      requireTrue((await store.commit(again.lease, commitOf(4, {}, { run: { status: "open" } }))).ok, "it goes on");
      const open = await stored(store);
      requireEqual([open.status, open.endedAt, statusOf(open, await store.now())], ["open", null, "RUNNING"], "the run that goes on");
    },

    "gives a run back with a commit": async ({ make }) => {
      const store = await make();
      const lease = await owned(store);
      requireTrue((await store.commit(lease, commitOf(2, {}, { release: { seen: 0 }, run: { dueAt: null } }))).ok, "it is given back");
      const run = await stored(store);
      requireEqual([run.lease, run.token, statusOf(run, await store.now())], [null, 1, "PARKED"], "the run");
      const next = await store.claim("a", owner("next"));
      requireTrue(next.ok && next.lease.token === 2, "the next owner");
      const later = (await store.now()) + HOUR;
      await store.commit(next.lease, commitOf(3, {}, { release: { seen: 0 }, run: { dueAt: later } }));
      requireEqual([(await stored(store)).dueAt, statusOf(await stored(store), later)], [later, "READY"], "at its moment");
    },

    "changes nothing by a commit that it refuses": async ({ make }) => {
      const store = await make({ maxPartBytes: 100 });
      const lease = await owned(store);
      const before = [await stored(store), await store.generations("a", { limit: 9 })];
      const event = { seq: 1, at: 0, body: "1" };
      const refused: [string, Parameters<typeof commitOf>[2]][] = [
        ["commit-invalid", { events: [{ ...event, seq: 2 }] }],
        ["commit-invalid", { events: [event, event] }],
        ["commit-invalid", { consumed: [1] }],
        ["part-too-large", { put: new Map([["é", "é".repeat(51)]]) }],
        ["part-too-large", { put: new Map([["bytes", new Uint8Array(101)]]) }],
        ["run-store-text", { put: new Map([["half", "\ud83d"]]) }],
        ["run-store-text", { put: new Map([["\ude42", "name"]]) }],
        ["invalid-options", { put: new Map([["number", 1 as unknown as string]]) }],
      ];
      for (const [code, rest] of refused) {
        await requireCode(
          store.commit(lease, commitOf(2, { agent: "2" }, { ...rest, put: new Map([["agent", "2"], ...(rest?.put ?? [])]) })),
          code,
          code,
        );
      }
      await requireCode(store.create(newRun("\ud83d"), owner()), "run-store-text", "a task id of half a pair");
      requireEqual([await stored(store), await store.generations("a", { limit: 9 })], before, "what is stored");
      requireEqual([...(await loaded(store, "a")).parts], [["agent", "{}"]], "the parts");
      requireTrue((await store.commit(lease, commitOf(2, { agent: "é".repeat(50) }))).ok, "a part that just fits");
    },

    "shares nothing with what it was given, or gives": async ({ make }) => {
      const store = await make();
      const bytes = Uint8Array.of(1, 2, 3);
      const put = new Map<string, Sealed>([["bytes", bytes]]);
      const lease = await owned(store, "a", owner(), { labels: { team: "x" } });
      const commit = commitOf(2, {}, { put, events: [{ seq: 1, at: 0, body: bytes }] });
      const made = store.commit(lease, commit);
      bytes.fill(9);
      put.clear();
      (commit.events as unknown[]).pop();
      requireTrue((await made).ok, "the commit");
      const run = await stored(store);
      Object.assign(run.labels, { team: "spoilt" });
      Object.assign(run, { status: "FAILED" });
      Object.assign(run.lease ?? {}, { token: 99 });
      const found = await loaded(store, "a");
      (found.parts.get("bytes") as Uint8Array).fill(8);
      found.parts.delete("agent");
      for (const { body } of await store.events("a", { from: 1, limit: 1 })) (body as Uint8Array).fill(7);
      requireParts(
        (await loaded(store, "a")).parts,
        new Map<string, Sealed>([
          ["agent", "{}"],
          ["bytes", Uint8Array.of(1, 2, 3)],
        ]),
        "it",
      );
      requireSealed((await store.events("a", { from: 1, limit: 1 }))[0]?.body, Uint8Array.of(1, 2, 3), "the event");
      const again = await stored(store);
      requireEqual([again.labels, again.status, again.lease?.token], [{ team: "x" }, "open", 1], "the row");
    },
  };
}
