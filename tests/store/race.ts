/** One race for a run: owners that claim, renew, commit and give back, and outsiders that send and cancel, each when chance says so. */
import { expect } from "vitest";
import type { CommitResult } from "#contract/store/run-commit";
import type { Lease } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { commitOf, newRun } from "#testing/run-law";
import { turned } from "../support/manual-clock.ts";

const TASK = "race";
const LEASE_MS = 100;

interface Commitment {
  token: number;
  generation: number;
  consumed: readonly number[];
  ends: boolean;
}

/** What was answered, by moments that count up. */
class Told {
  #moment = 0;
  readonly claims: { token: number; at: number }[] = [];
  readonly commits: Commitment[] = [];
  readonly sent: string[] = [];
  readonly reasons = new Set<string>();
  /** Confirmed leases by token, until they are being given back. */
  readonly held = new Map<number, { until: number; at: number }>();
  cancelledAt = Number.POSITIVE_INFINITY;

  next(): number {
    return ++this.#moment;
  }

  /** Nobody else's lease, known before this claim was asked for, still holds. */
  claimed(lease: Lease, { asked, now, over }: { asked: number; now: number; over: number | undefined }): void {
    expect(
      this.claims.map(({ token }) => token),
      "a token is given once",
    ).not.toContain(lease.token);
    for (const { token, at } of this.claims) if (at < asked) expect(lease.token, "fences rise").toBeGreaterThan(token);
    for (const [token, { until, at }] of this.held) {
      if (at < asked && token !== over)
        expect(until, `one owner at a time: ${token} is one, and ${lease.token} another`).toBeLessThanOrEqual(now);
    }
    this.claims.push({ token: lease.token, at: this.next() });
    this.held.clear();
    this.held.set(lease.token, { until: lease.until, at: this.next() });
  }

  committed(asked: number, { token, generation, consumed, ends }: Commitment, isRelease: boolean): void {
    for (const claim of this.claims)
      if (claim.at < asked) expect(token, "no commit under an old fence").toBeGreaterThanOrEqual(claim.token);
    if (isRelease && !ends) expect(asked, "a run whose cancel is stored is not given back").toBeLessThan(this.cancelledAt);
    this.commits.push({ token, generation, consumed, ends });
  }
}

export interface Race {
  /** Over one place, each as of a process of its own. */
  stores: readonly RunStore[];
  /** That of the stores, and what makes it go on. */
  clock: { now(): number; advance(ms: number): Promise<void> };
  random: () => number;
}

export async function race({ stores, clock, random }: Race): Promise<void> {
  const [first] = stores as [RunStore];
  await first.create(newRun(TASK, { first: commitOf(1, { agent: "1" }, { events: [{ seq: 1, at: 0, body: "1" }] }) }));
  const told = new Told();
  const pause = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await turned();
  };
  const storeOf = (number: number): RunStore => stores[number % stores.length] as RunStore;

  async function own(number: number): Promise<void> {
    const store = storeOf(number);
    let lease: Lease | undefined;
    for (let step = 0; step < 8; step++) {
      await pause();
      if (lease === undefined) lease = await claim(store, `owner ${number}`);
      else if (random() < 0.2) await renew(store, lease);
      else if (!(await commit(store, lease))) lease = random() < 0.5 ? lease : undefined;
    }
  }

  async function claim(store: RunStore, id: string): Promise<Lease | undefined> {
    const over = random() < 0.2 ? (await store.read(TASK))?.lease?.token : undefined;
    const asked = told.next();
    const claimed = await store.claim(TASK, { id, leaseMs: LEASE_MS }, over === undefined ? {} : { over });
    if (!claimed.ok) return undefined;
    told.claimed(claimed.lease, { asked, now: clock.now(), over });
    return claimed.lease;
  }

  async function renew(store: RunStore, lease: Lease): Promise<void> {
    const renewed = await store.renew(lease, LEASE_MS);
    const held = told.held.get(lease.token);
    if (renewed.ok && held !== undefined) told.held.set(lease.token, { until: renewed.until, at: told.next() });
  }

  /** Whether it was made, and the run is still this owner's. */
  async function commit(store: RunStore, lease: Lease): Promise<boolean> {
    const row = await store.read(TASK);
    const messages = await store.inbox(TASK, 0);
    await pause();
    const way = random();
    const ends = way < 0.08;
    const isRelease = !ends && way < 0.3;
    const generation = (row?.generation ?? 0) + 1;
    const seq = (row?.lastSeq ?? 0) + 1;
    const consumed = messages.map(({ n }) => n);
    const asked = told.next();
    if (ends || isRelease) told.held.delete(lease.token);
    const result: CommitResult = await store.commit(
      lease,
      commitOf(
        generation,
        { agent: `${lease.token}.${generation}` },
        {
          events: [{ seq, at: 0, body: `${seq}` }],
          consumed,
          ...(ends ? { run: { status: "COMPLETE" } } : {}),
          ...(isRelease ? { release: { seen: row?.inbox.last ?? 0 }, run: { dueAt: null } } : {}),
        },
      ),
    );
    if (!result.ok) return false;
    told.committed(asked, { token: lease.token, generation, consumed, ends }, isRelease);
    if (result.cancel !== null) told.reasons.add(result.cancel.reason);
    return !ends && !isRelease;
  }

  async function send(number: number): Promise<void> {
    for (let step = 0; step < 4; step++) {
      await pause();
      const id = `message ${Math.floor(random() * 4)}`;
      if ((await storeOf(number).post(TASK, { kind: "message", id, mailbox: "news", body: id })) === "stored") told.sent.push(id);
    }
  }

  async function cancel(number: number): Promise<void> {
    for (let turns = Math.floor(random() * 60); turns > 0; turns--) await turned();
    const reason = `reason ${number}`;
    const posted = await storeOf(number).post(TASK, { kind: "cancel", reason, end: { events: ["cancelled"] } });
    if (posted === "stored") told.cancelledAt = Math.min(told.cancelledAt, told.next());
  }

  async function time(): Promise<void> {
    for (let step = 0; step < 4; step++) {
      await pause();
      await clock.advance(Math.floor(random() * 80));
    }
  }

  const cancels = random() < 0.5 ? [cancel(0), cancel(1)] : [];
  await Promise.all([own(0), own(1), own(2), send(0), send(1), time(), ...cancels]);
  await expectOneStory(first, told);
}

async function expectOneStory(store: RunStore, told: Told): Promise<void> {
  const row = await store.read(TASK);
  const commits = told.commits.sort((a, b) => a.generation - b.generation);
  expect(
    commits.map(({ generation }) => generation),
    "each generation is made once",
  ).toEqual(commits.map((_, index) => index + 2));
  const tokens = commits.map(({ token }) => token);
  expect(tokens, "commits are in the order of their fences").toEqual(tokens.toSorted((a, b) => a - b));
  const consumed = commits.flatMap((each) => each.consumed);
  expect(new Set(consumed).size, "a message is taken once").toBe(consumed.length);
  expect(new Set(told.sent).size, "a message is stored once").toBe(told.sent.length);
  const inbox = await store.inbox(TASK, 0);
  expect(
    [...consumed, ...inbox.map(({ n }) => n)].sort((a, b) => a - b),
    "no message is lost",
  ).toEqual(told.sent.map((_, index) => index + 1));
  expect(told.reasons.size, "one cancel wins").toBeLessThanOrEqual(1);
  const ends = commits.filter((each) => each.ends);
  expect(ends.length, "a run ends once").toBeLessThanOrEqual(1);
  const isCancelled = row?.status === "CANCELLED";
  if (ends.length > 0) expect([row?.status, ends[0]?.generation]).toEqual(["COMPLETE", row?.generation]);
  const last = commits.at(-1);
  const parts = (await store.load(TASK))?.parts;
  expect(parts).toEqual(new Map([["agent", last === undefined ? "1" : `${last.token}.${last.generation}`]]));
  const events = await store.events(TASK, { from: 1, limit: 1_000 });
  const numbers = Array.from({ length: commits.length + 1 }, (_, index) => String(index + 1));
  expect(events.map(({ body }) => body)).toEqual(isCancelled ? [...numbers, "cancelled"] : numbers);
  expect(row).toMatchObject({
    generation: commits.length + 1,
    lastSeq: events.length,
    inbox: { count: inbox.length, last: told.sent.length },
  });
}
