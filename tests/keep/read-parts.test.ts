/** Reading a stored run of many nodes: others have their turn between two of its parts, and what the code knows of its graph is not made again. */
import { Agent, MemoryStore, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { indexOf } from "#contract/graph/graph";
import type { StoredGeneration } from "#contract/store/run-commit";
import { openTexts } from "#keep/open-texts";
import type { PersistedAgent } from "#keep/persisted";
import { readParts } from "#keep/read-parts";
import { nodeOf } from "../run/support.ts";
import { turned } from "../support/manual-clock.ts";

const NODES = 600;

function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() <= end);
}

async function storedRun(): Promise<{ store: MemoryStore; stored: StoredGeneration }> {
  const store = new MemoryStore();
  const nodes = Array.from({ length: NODES }, (_, index) => nodeOf(`n${index}`));
  await new Agent({ nodes, store, snapshot: "ONCE" }).runTask(new Task({ id: "t", type: "test", objective: "Be read" }));
  return { store, stored: (await store.load("t")) as StoredGeneration };
}

/** Whoever looks at its 400th node holds the thread for longer than a turn. */
class HeavyMap<T> extends Map<string, T> {
  #seen = 0;

  override get(name: string): T | undefined {
    this.#look(name);
    return super.get(name);
  }

  override *[Symbol.iterator](): MapIterator<[string, T]> {
    for (const entry of super.entries()) {
      this.#look(entry[0]);
      yield entry;
    }
  }

  #look(name: string): void {
    if (name.startsWith("node/") && ++this.#seen === 400) hold(25);
  }
}

/** Whether the event loop has turned before the work has ended. */
async function turnsDuring(work: () => Promise<unknown>): Promise<boolean> {
  // The time of the turn begins anew.
  await turned();
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  await work();
  return hasTurned;
}

describe("a stored run of many nodes", () => {
  it("is verified in turns of the event loop", async () => {
    const { store, stored } = await storedRun();
    expect(await turnsDuring(() => openTexts(store, "t", { ...stored, parts: new HeavyMap(stored.parts) }))).toBe(true);
  });

  it("is put together in turns of the event loop", async () => {
    const { store, stored } = await storedRun();
    const { texts } = await openTexts(store, "t", stored);
    expect(await turnsDuring(() => readParts(new HeavyMap(texts)))).toBe(true);
  });

  it("has the graph of the code where that is the stored one, and its own where it is not", async () => {
    const { store, stored } = await storedRun();
    const { texts } = await openTexts(store, "t", stored);
    const graphOf = ({ children }: PersistedAgent) => children.nodes.snapshot.graph;
    const own = graphOf((await readParts(texts)).agent);
    expect(graphOf((await readParts(texts, () => own)).agent)).toBe(own);
    const other = { nodes: own.nodes.map((node, index) => (index === 0 ? { ...node, targets: ["n1"] } : node)) };
    const read = graphOf((await readParts(texts, () => other)).agent);
    expect(read).toEqual(own);
    expect(indexOf(read).node("n0")?.targets).toEqual([]);
  });
});
