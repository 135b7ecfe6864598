/** Whatever a store, be it a stranger's, gives back otherwise than it was given is refused: nothing of it runs, and nothing hangs. */
import { Agent, AsimovError, MemoryStore, type RunStore, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import type { StoredGeneration } from "#contract/store/run-commit";
import { nodeOf, success, within } from "../run/support.ts";

/** Mutants; a script may ask for 100,000. */
const MUTANTS = Number(process.env.MUTANTS ?? 600);

type Random = () => number;
type Parts = Map<string, string>;

/** The same numbers from 0 up to 1 each time (the constants of Numerical Recipes). */
function drawn(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const pick = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;

/** One character that is another one. */
function flipped(random: Random, text: string): string {
  const at = Math.floor(random() * text.length);
  const other = String.fromCharCode((text.charCodeAt(at) ^ (1 << Math.floor(random() * 6))) % 127 || 65);
  return text.slice(0, at) + (other === text[at] ? "~" : other) + text.slice(at + 1);
}

type Mutate = (parts: Parts, random: Random, older: StoredGeneration) => void;

const mutations: readonly Mutate[] = [
  (parts, random) => {
    const name = pick(random, [...parts.keys()]);
    parts.set(name, flipped(random, parts.get(name) as string));
  },
  (parts, random) => void parts.delete(pick(random, [...parts.keys()])),
  (parts, random) => {
    const [a, b] = [pick(random, [...parts.keys()]), pick(random, [...parts.keys()])];
    const text = parts.get(a) as string;
    parts.set(a, parts.get(b) as string);
    parts.set(b, text);
  },
  (parts, random, older) => {
    const name = pick(random, [...older.parts.keys()]);
    parts.set(name, older.parts.get(name) as string);
  },
  (parts, random) => {
    const name = pick(random, [...parts.keys()]);
    parts.set(flipped(random, name), parts.get(name) as string);
  },
  (parts, random) => {
    const name = pick(random, [...parts.keys()]);
    const text = parts.get(name) as string;
    parts.set(name, text.slice(0, Math.floor(random() * text.length)));
  },
];

const nodes = (log: string[], isStuck: boolean) => [
  nodeOf("a", [], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
  nodeOf("b", ["a"], async ({ idempotencyKey, values }) => {
    log.push(idempotencyKey);
    await values.set("score", 0.5);
    return { ...success(), newNodes: [] };
  }),
  within(
    1,
    nodeOf("inner", [], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
  ),
  nodeOf("c", ["b"], async ({ signal, idempotencyKey }) => {
    log.push(idempotencyKey);
    if (isStuck) await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return success();
  }),
];

describe("a stored run", () => {
  it(`is refused in each of ${MUTANTS} mutants`, { timeout: 600_000 }, async () => {
    const store = new MemoryStore();
    const task = new Task({ type: "test", objective: "Be what it was" });
    const run = new Agent({ store, nodes: nodes([], true) }).start(task);
    for await (const event of run.events()) if (event.type === "module.started" && event.node === "c") break;
    await run.park();
    await run.outcome.catch(() => {});
    const whole = (await store.load(task.id)) as StoredGeneration;
    const older = (await store.load(task.id, 2)) as StoredGeneration;
    const random = drawn(Number(process.env.MUTANTS_SEED ?? 20_261_127));
    const codes = new Map<string, number>();
    for (let number = 0; number < MUTANTS; number++) {
      const parts = new Map(whole.parts) as Parts;
      pick(random, mutations)(parts, random, older);
      const isSame = parts.size === whole.parts.size && [...parts].every(([name, text]) => whole.parts.get(name) === text);
      if (isSame) continue;
      const strange = new Proxy(store, {
        get: (target, name) => {
          if (name === "load") return async () => ({ ...whole, parts });
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      }) as RunStore;
      const log: string[] = [];
      const agent = new Agent({ store: strange, nodes: nodes(log, false) });
      const refused: unknown = await agent.resume(task.id).then(
        () => expect.unreachable(`mutant ${number} was accepted`),
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(AsimovError);
      const { code } = refused as AsimovError;
      codes.set(code, (codes.get(code) ?? 0) + 1);
      expect(log).toEqual([]);
    }
    expect([...codes.keys()]).toEqual(["snapshot-damaged"]);
    // And as it was, it goes on.
    const { status } = await (await new Agent({ store, nodes: nodes([], false) }).resume(task.id)).outcome;
    expect(status).toBe("COMPLETE");
  });
});
