/** What is stored of a run's values is what its settled attempts did, whatever came between; held against a naive model, by seed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunValues } from "#values/run-values";
import { readValueParts, type ValueChanges } from "#values/value-parts";
import { ManualClock } from "../support/manual-clock.ts";
import "../support/seed.ts";
import { Model, type State } from "./model.ts";

const ATTEMPTS = 4;
const attempt = fc.integer({ min: 0, max: ATTEMPTS });
const key = fc.constantFrom("a", "b", "n:%/@");
const mailbox = fc.constantFrom("box", "@in:1");

/** Of a key that is about to expire, or has. */
const expiring = fc.oneof(
  fc.record({ do: fc.constant("set" as const), attempt, key: fc.constant("a"), value: fc.constant(100), ttlMs: fc.constantFrom(1, 2, 5) }),
  fc.record({ do: fc.constant("add" as const), attempt, key: fc.constant("a"), by: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant("add" as const), attempt, key: fc.constant("a"), by: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant("settle" as const), attempt }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4 }) }),
);

const step = fc.oneof(
  fc.record({
    do: fc.constant("set" as const),
    attempt,
    key,
    value: fc.constantFrom(0, 1, 7, "text", [1]),
    ttlMs: fc.constantFrom(0, 0, 5),
  }),
  fc.record({ do: fc.constant("delete" as const), attempt, key }),
  fc.record({ do: fc.constant("add" as const), attempt, key, by: fc.integer({ min: -3, max: 9 }) }),
  fc.record({ do: fc.constant("update" as const), attempt, key }),
  fc.record({ do: fc.constant("clear" as const), attempt }),
  fc.record({ do: fc.constant("publish" as const), attempt, mailbox }),
  fc.record({ do: fc.constant("take" as const), attempt, mailbox }),
  fc.record({ do: fc.constant("wait" as const), attempt, mailbox }),
  fc.record({ do: fc.constant("settle" as const), attempt }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("commit" as const), isLost: fc.boolean() }),
  fc.record({ do: fc.constant("crash" as const) }),
);
type StepOf<A> = A extends fc.Arbitrary<infer S> ? S : never;
type Step = StepOf<typeof step> | StepOf<typeof expiring>;
const steps: fc.Arbitrary<Step[]> = fc.oneof<fc.Arbitrary<Step[]>[]>(
  fc.array(step, { maxLength: 60, size: "max" }),
  fc.array(expiring, { maxLength: 20, size: "max" }),
);

/** As the model has it, of parts. */
function stateOf(parts: Iterable<readonly [string, string]>, at: number): State {
  const { values, messages } = readValueParts(parts);
  const alive = [...values].filter(([, { expiresAt }]) => expiresAt === undefined || expiresAt > at);
  const state: State = { values: {}, mailboxes: {} };
  for (const [name, { json, expiresAt }] of alive) {
    state.values[bare(name)] = { value: JSON.parse(json), ...(expiresAt === undefined ? {} : { expiresAt }) };
  }
  for (const { mailbox: name, text } of messages) {
    state.mailboxes[bare(name)] ??= [];
    state.mailboxes[bare(name)]?.push(JSON.parse(text));
  }
  return state;
}

const bare = (name: string): string => decodeURIComponent(name);

function apply(stored: Map<string, string>, { changed, removed }: ValueChanges): void {
  for (const part of removed) expect(stored.delete(part), `${part} was stored`).toBe(true);
  for (const [part, text] of changed) stored.set(part, text);
}

class World {
  readonly clock = new ManualClock(0);
  values = new RunValues(this.clock);
  readonly model = new Model();
  readonly stored = new Map<string, string>();
  opened = Array.from({ length: ATTEMPTS }, () => this.values.open());
  /** By step: those that were settled and go on are attempts anew. */
  readonly #numbers = Array.from({ length: ATTEMPTS + 1 }, (_, index) => index);
  #numbered = ATTEMPTS;
  #waits: { attempt: number; mailbox: string; controller: AbortController }[] = [];
  #published = 0;
  /** Of a commit that was not made, which is known later. */
  #lost: ValueChanges | undefined;

  async take(step: Step): Promise<void> {
    const { model } = this;
    const at = this.clock.now();
    if (step.do === "pass") return this.clock.pass(step.ms);
    if (step.do === "commit") return this.commit(step.isLost);
    if (step.do === "crash") return this.crash();
    if (step.do === "settle") return this.settle(step.attempt);
    const cache = step.attempt === 0 ? this.values.cache : this.opened[step.attempt - 1]?.cache;
    const number = this.#numbers[step.attempt] as number;
    if (cache === undefined) return;
    const live = (name: string) => model.held(name, at, () => true);
    switch (step.do) {
      case "set": {
        await cache.set(step.key, step.value, step.ttlMs === 0 ? {} : { ttlMs: step.ttlMs });
        const held = { value: step.value, ...(step.ttlMs === 0 ? {} : { expiresAt: at + step.ttlMs }) };
        return model.record({ kind: "write", attempt: number, key: step.key, at, held });
      }
      case "delete": {
        const wasThere = live(step.key) !== undefined;
        expect(await cache.delete(step.key)).toBe(wasThere);
        return model.record({ kind: "write", attempt: number, key: step.key, at, held: undefined });
      }
      case "clear":
        for (const name of await cache.keys()) model.record({ kind: "write", attempt: number, key: name, at, held: undefined });
        return cache.clear();
      case "add": {
        const before = live(step.key)?.value ?? 0;
        if (typeof before !== "number") return void (await expect(cache.increment(step.key, step.by)).rejects.toThrow("incremented"));
        expect(await cache.increment(step.key, step.by)).toBe(before + step.by);
        return model.record({ kind: "add", attempt: number, key: step.key, at, by: step.by });
      }
      case "update": {
        const before = live(step.key);
        const value = [before?.value ?? null, "then"].flat().slice(-3);
        await cache.update(step.key, () => value);
        return model.record({ kind: "write", attempt: number, key: step.key, at, held: { ...before, value } });
      }
      case "publish": {
        const message = { n: ++this.#published };
        await cache.publishToMailbox(step.mailbox, message);
        model.publish(number, step.mailbox, message);
        const [waiter] = this.#waits.filter((wait) => wait.mailbox === step.mailbox);
        if (waiter === undefined) return;
        this.#waits = this.#waits.filter((wait) => wait !== waiter);
        expect(model.take(waiter.attempt, step.mailbox)).toEqual(message);
        return;
      }
      case "take":
        expect(await cache.getMessage(step.mailbox, { timeoutMs: 0 })).toEqual(model.take(number, step.mailbox));
        return;
      case "wait": {
        const controller = new AbortController();
        const received = cache.getMessage(step.mailbox, { signal: controller.signal });
        const message = model.take(number, step.mailbox);
        if (message !== null) return void expect(await received).toEqual(message);
        received.catch(() => {});
        this.#waits.push({ attempt: number, mailbox: step.mailbox, controller });
      }
    }
  }

  settle(attempt: number): void {
    if (attempt === 0) return;
    const number = this.#numbers[attempt] as number;
    for (const { controller } of this.#waits.filter((wait) => wait.attempt === number)) controller.abort();
    this.#waits = this.#waits.filter((wait) => wait.attempt !== number);
    this.opened[attempt - 1]?.settle();
    this.model.settled.add(number);
    this.#numbers[attempt] = ++this.#numbered;
  }

  /** After a commit: what was not settled is gone. */
  crash(): void {
    this.commit(false);
    this.#waits = [];
    this.model.crash();
    this.values = new RunValues(this.clock, this.stored);
    this.opened = this.opened.map(() => this.values.open());
    for (let number = 1; number <= ATTEMPTS; number++) this.#numbers[number] = ++this.#numbered;
  }

  commit(isLost: boolean): void {
    this.#lost?.putBack();
    const changes = this.values.changes();
    this.#lost = isLost ? changes : undefined;
    if (!isLost) apply(this.stored, changes);
  }

  check(): void {
    const at = this.clock.now();
    const settled = this.model.state(at, (number) => this.model.settled.has(number));
    expect(stateOf(this.values.parts(), at)).toEqual(settled);
    this.commit(false);
    expect(stateOf(this.stored, at)).toEqual(settled);
    // A run that is restored here holds just that, and so does what is stored of it.
    const restored = new RunValues(this.clock, this.stored);
    expect(stateOf(restored.parts(), at)).toEqual(settled);
    expect([...restored.changes().changed, ...restored.changes().removed]).toEqual([]);
  }

  async checkLive(): Promise<void> {
    const live = this.model.state(this.clock.now(), () => true);
    const { cache } = this.values;
    const values = Object.fromEntries(Object.entries(live.values).map(([name, { value }]) => [name, value]));
    expect(await cache.getAll()).toEqual(values);
    const mailboxes: Record<string, unknown[]> = {};
    for (const name of await cache.mailboxes()) mailboxes[name] = await cache.peekMailbox(name);
    expect(mailboxes).toEqual(live.mailboxes);
  }
}

describe("a run's values", () => {
  it("are seen at once, and stored as the settled attempts left them, at any moment", { timeout: 120_000 }, async () => {
    let settledWhileOpen = 0;
    const property = fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), async (taken, every) => {
      const world = new World();
      for (const [index, each] of taken.entries()) {
        await world.take(each);
        if (each.do === "settle") settledWhileOpen++;
        if (index % every === 0) world.check();
      }
      await world.checkLive();
      for (let number = 1; number <= ATTEMPTS; number++) world.settle(number);
      world.check();
      await world.checkLive();
    });
    await fc.assert(property, { numRuns: 4_000 });
    expect(settledWhileOpen).toBeGreaterThan(1_000);
  });
});
