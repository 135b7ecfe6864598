/** The laws that every snapshot store keeps, to run against a store of your own with any test runner. */
import type { Snapshot, SnapshotRef, SnapshotStore } from "#contract/store/snapshot";
import { type Law, requireCode, requireEqual, requireTrue } from "./law.ts";

export interface SnapshotSuiteOptions {
  /** A store over an empty place of its own. `keep` is how many generations of each task it keeps; absent, all. */
  make(options: { keep?: number }): SnapshotStore | Promise<SnapshotStore>;
  /** Another store over the place of this one, as after a restart; a store that ends with its process gives itself. */
  reopen(store: SnapshotStore): SnapshotStore | Promise<SnapshotStore>;
  /** The location of a reference's task. */
  taskLocation(ref: SnapshotRef): string;
}

type Given = Omit<Snapshot, "generation" | "format">;

function given(taskId: string, parts: Record<string, string> | Map<string, string> = {}, rest: Partial<Given> = {}): Given {
  return {
    taskId,
    nodes: ["plan"],
    createdAt: 1_700_000_000_000,
    parts: parts instanceof Map ? parts : new Map(Object.entries(parts)),
    ...rest,
  };
}

const run = (version: number): Record<string, string> => ({
  agent: `{"version":${version}}`,
  task: '{"id":"t"}',
  "value/draft": `"v${version}"`,
});

/** Names that break stores which build paths, objects or keys of them carelessly. */
const ODD_NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "../x",
  "a/b",
  "/",
  "..",
  ".",
  "CON",
  "nul\u0000byte",
  "new\nline",
  'quo"te\\',
  "trailing. ",
  " ",
  "",
  "%2F",
  "a:b",
  "*?[x]",
  "ünï→語🙂",
  "half \ud83d pair",
  "0",
  "x".repeat(5_000),
];

const ODD_TEXTS: Record<string, string> = {
  "value/spaces": ' {\n\t"a" : [ 1 , 2 ]\r\n} ',
  "value/number": "-1.50e+10",
  "value/duplicate": '{"a":1,"a":2}',
  "value/proto": '{"__proto__":{"polluted":true}}',
  "value/unicode": '"é e\u0301 語 🙂 \u2028 \ufeff"',
  "value/escapes": '"\\ud83d \\u0000 \\u00e9 \\/"',
  "value/framing": '"},\\n\\"task\\":{"',
  "mailbox/empty": "[]",
  "node/big": "123456789012345678901234567890",
};

function requireSame(found: Snapshot, expected: Given, generation: number): void {
  const { parts, ...header } = found;
  const { parts: expectedParts, taskId, nodes, hint, createdAt } = expected;
  const wanted = { format: 1, taskId, generation, nodes, hint, createdAt };
  for (const key of Object.keys(wanted) as (keyof typeof wanted)[]) requireEqual(header[key], wanted[key], key);
  requireEqual([...parts.keys()].sort(), [...expectedParts.keys()].sort(), "part names");
  for (const [name, text] of expectedParts) {
    requireTrue(parts.get(name) === text, `part ${JSON.stringify(name.slice(0, 60))}: its text is not what was saved`);
  }
}

/**
 * The contract of `SnapshotStore`, a law for each behaviour that a run relies on.
 *
 * @example
 * const laws = snapshotStoreLaws({
 *   make: ({ keep }) => new MyStore({ place: newPlace(), keep }),
 *   reopen: (store) => new MyStore({ place: (store as MyStore).place }),
 *   taskLocation: (ref) => ref.location.slice(0, ref.location.lastIndexOf("/")),
 * });
 * for (const { name, run } of laws) it(name, run);
 */
export function snapshotStoreLaws({ make, reopen, taskLocation }: SnapshotSuiteOptions): Law[] {
  const roundTrip = async (snapshot: Given): Promise<void> => {
    const store = await make({});
    const ref = await store.save(snapshot);
    requireSame(await store.load(ref), snapshot, 0);
    requireSame(await (await reopen(store)).load(ref.location), snapshot, 0);
    const [listed] = await store.list(snapshot.taskId);
    requireEqual(listed, ref, "the listed reference");
  };

  return [
    {
      name: "gives back what was saved, byte for byte",
      run: () => roundTrip(given("task-1", { ...run(1), ...ODD_TEXTS }, { nodes: ["plan", "write"], hint: 'before the "plan"\n' })),
    },
    { name: "keeps a snapshot without parts or nodes", run: () => roundTrip(given("task-1", {}, { nodes: [] })) },
    {
      name: "keeps parts with odd names apart",
      run: async () => {
        const names = ODD_NAMES.flatMap((name) => [`node/${name}`, `value/${name}`, `mailbox/${name}`]);
        await roundTrip(given("task-1", new Map([...names, "__proto__", "other/x"].map((name, index) => [name, `{"n":${index}}`]))));
        requireTrue(!("polluted" in {}) && Object.keys(Object.prototype).length === 0, "Object.prototype was changed");
      },
    },
    {
      name: "keeps tasks with odd ids apart",
      run: async () => {
        const store = await make({});
        const ids = [...ODD_NAMES, "task", "TASK", "Task", "half \ude42 pair", "e\u0301", "é", "0_plan", ".tmp-0"];
        const refs = await Promise.all(ids.map((id) => store.save(given(id, { agent: JSON.stringify(id) }))));
        for (const [index, id] of ids.entries()) {
          const [ref] = refs.slice(index);
          requireTrue(ref !== undefined && ref.taskId === id, "save gives a reference to its task");
          requireSame(await store.load(ref), given(id, { agent: JSON.stringify(id) }), 0);
          requireEqual(await store.list(id), [ref], "the snapshots of this task alone");
        }
      },
    },
    {
      name: "keeps snapshots with odd node names",
      run: async () => {
        for (const nodes of [ODD_NAMES, [""], ["../../../x"], Array.from({ length: 10_000 }, (_, index) => `node ${index}`)]) {
          await roundTrip(given("task-1", run(1), { nodes }));
        }
      },
    },
    { name: "keeps a part of 5 MB", run: () => roundTrip(given("task-1", { agent: `"${"é".repeat(2_500_000)}"`, task: "{}" })) },
    {
      name: "keeps a raw half of a surrogate pair as it is, or refuses it",
      run: async () => {
        const store = await make({});
        const snapshot = given("task-1", { agent: '"\ud83d"' });
        const ref = await store.save(snapshot).catch(() => undefined);
        if (ref === undefined) requireEqual(await store.list("task-1"), [], "snapshots after a refusal");
        else requireSame(await store.load(ref), snapshot, 0);
      },
    },
    {
      name: "counts generations for each task, and lists them oldest first",
      run: async () => {
        const store = await make({});
        for (let generation = 0; generation < 12; generation++) {
          const ref = await store.save(given("a", run(generation)));
          requireEqual([ref.taskId, ref.generation], ["a", generation], "the reference");
        }
        requireEqual((await store.save(given("b"))).generation, 0, "the first generation of another task");
        const listed = await store.list("a");
        requireEqual(
          listed.map((ref) => ref.generation),
          [...Array(12).keys()],
          "the listed generations",
        );
        for (const [generation, ref] of listed.entries()) requireSame(await store.load(ref), given("a", run(generation)), generation);
        requireEqual(await store.list("c"), [], "the snapshots of a task that was never saved");
      },
    },
    {
      name: "goes on counting after it was opened again",
      run: async () => {
        const store = await make({});
        await store.save(given("a", run(0)));
        await store.save(given("a", run(1)));
        const again = await reopen(store);
        requireEqual((await again.save(given("a", run(2)))).generation, 2, "the generation after a restart");
        requireEqual((await store.save(given("a", run(3)))).generation, 3, "the generation of a store that did not see the last save");
        requireEqual((await again.list("a")).length, 4, "the number of snapshots");
      },
    },
    {
      name: "keeps every one of many saves at once, each under a generation of its own",
      run: async () => {
        const first = await make({});
        const stores = [first, await reopen(first), await reopen(first)];
        const refs = await Promise.all(
          Array.from({ length: 30 }, (_, index) =>
            (stores[index % 3] as SnapshotStore).save(given("a", run(index), { nodes: [`node ${index}`] })),
          ),
        );
        requireEqual(new Set(refs.map((ref) => ref.generation)).size, 30, "the number of generations");
        for (const [index, ref] of refs.entries()) {
          requireSame(await first.load(ref), given("a", run(index), { nodes: [`node ${index}`] }), ref.generation);
        }
        requireEqual(
          (await first.list("a")).map((ref) => ref.generation),
          refs.map((ref) => ref.generation).sort((a, b) => a - b),
          "the listed generations",
        );
      },
    },
    {
      name: "stores saves of one store in the order in which they were asked for",
      run: async () => {
        const store = await make({});
        const refs = await Promise.all([...Array(8).keys()].map((index) => store.save(given("a", run(index)))));
        requireEqual(
          refs.map((ref) => ref.generation),
          [...Array(8).keys()],
          "the generations",
        );
      },
    },
    {
      name: "loads the newest snapshot from the location of its task",
      run: async () => {
        const store = await make({});
        const ref = await store.save(given("a", run(0)));
        await store.save(given("b", run(1)));
        await store.save(given("a", run(2)));
        requireSame(await store.load(taskLocation(ref)), given("a", run(2)), 1);
      },
    },
    {
      name: "says snapshot-not-found for what it does not hold",
      run: async () => {
        const store = await make({});
        const ref = await store.save(given("a", run(0)));
        const other = await store.save(given("b", run(0)));
        await requireCode(store.load("no such place"), "snapshot-not-found", "an unknown location");
        await requireCode(store.load(""), "snapshot-not-found", "an empty location");
        await requireCode(store.load("nul\u0000byte"), "snapshot-not-found", "a location with a NUL byte");
        await requireCode(
          store.load({ ...ref, location: `${ref.location}-x` }),
          "snapshot-not-found",
          "an unknown location in a reference",
        );
        await requireCode(store.load({ ...ref, location: other.location }), "snapshot-not-found", "a reference to another task's location");
        await requireCode(store.load({ ...ref, generation: 7 }), "snapshot-not-found", "a reference to another generation's location");
        await requireCode(store.load(undefined as unknown as string), "snapshot-not-found", "no location");
        await requireCode(store.load({} as SnapshotRef), "snapshot-not-found", "a reference without a location");
      },
    },
    {
      name: "does not see what a caller changes after `save` or `load`",
      run: async () => {
        const store = await make({});
        const expected = given("a", run(0), { nodes: ["plan"] });
        const changing = { ...expected, nodes: ["plan"], parts: new Map(expected.parts) };
        const saving = store.save(changing);
        const spoil = (snapshot: { nodes: readonly string[]; parts: ReadonlyMap<string, string>; taskId: string }): void => {
          (snapshot.nodes as string[]).push("spoilt");
          (snapshot.parts as Map<string, string>).set("agent", '"spoilt"').set("node/spoilt", "1").delete("task");
          snapshot.taskId = "spoilt";
        };
        spoil(changing);
        const ref = await saving;
        const loaded = await store.load(ref);
        requireSame(loaded, expected, 0);
        spoil(loaded);
        requireSame(await store.load(ref), expected, 0);
        (await store.list("a")).pop();
        requireEqual((await store.list("a")).length, 1, "the number of snapshots");
      },
    },
    {
      name: "keeps the newest generations that `keep` asks for, for each task, and counts on",
      run: async () => {
        const store = await make({ keep: 2 });
        const first = await store.save(given("a", run(0)));
        await store.save(given("b", run(0)));
        for (let generation = 1; generation < 5; generation++) await store.save(given("a", run(generation)));
        requireEqual(
          (await store.list("a")).map((ref) => ref.generation),
          [3, 4],
          "the listed generations",
        );
        for (const ref of await store.list("a")) requireSame(await store.load(ref), given("a", run(ref.generation)), ref.generation);
        requireEqual((await store.list("b")).length, 1, "the snapshots of another task");
        await requireCode(store.load(first), "snapshot-not-found", "a generation that was not kept");
        requireEqual((await (await reopen(store)).save(given("a", run(5)))).generation, 5, "the next generation");
      },
    },
    {
      name: "keeps the one just written with `keep: 1`",
      run: async () => {
        const store = await make({ keep: 1 });
        for (let generation = 0; generation < 3; generation++) {
          const ref = await store.save(given("a", run(generation)));
          requireSame(await store.load(ref), given("a", run(generation)), generation);
        }
        requireEqual((await store.list("a")).length, 1, "the number of snapshots");
      },
    },
  ];
}
