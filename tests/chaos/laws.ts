/** What must hold of the runs, however they were interrupted: each law gives a sentence for each breach. */
import type { Begun } from "./agents.ts";
import type { Note } from "./notes.ts";
import type { Story } from "./users.ts";

/** What a single process with a `MemoryStore` makes of the same tasks. */
export interface Undisturbed {
  stories: readonly Story[];
  begun: readonly Begun[];
}

export interface Observed {
  stories: readonly Story[];
  /** Of all workers, by their time. */
  notes: readonly Note[];
  undisturbed: Undisturbed;
}

type Law = (observed: Observed) => string[];
type Of<Kind extends Note["kind"]> = Extract<Note, { kind: Kind }>;

export const notesOf = <Kind extends Note["kind"]>(notes: readonly Note[], kind: Kind): Of<Kind>[] =>
  notes.filter((note): note is Of<Kind> => note.kind === kind);

const placeOf = ({ task, what }: Pick<Begun, "task" | "what">): string => `${task} ${what}`;

/** Keys by place. */
const keysOf = (begun: readonly Begun[]): Map<string, Set<string>> => {
  const keys = new Map<string, Set<string>>();
  for (const each of begun) keys.set(placeOf(each), (keys.get(placeOf(each)) ?? new Set()).add(each.key));
  return keys;
};

/** What is not the same, by its name. */
function differences(expected: Story["outcome"] = {}, found: Story["outcome"] = {}): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return names
    .filter((name) => expected[name] !== found[name])
    .map((name) => `${name}: expected ${expected[name]}, came out ${found[name]}`);
}

export const LAWS: Readonly<Record<string, Law>> = {
  "each run ends as in one process: status, results, executions, errors, values, messages": ({ stories, undisturbed }) => {
    const expected = new Map(undisturbed.stories.map(({ task, outcome }) => [task, outcome]));
    const found = new Map(stories.map(({ task, outcome }) => [task, outcome]));
    return [...new Set([...expected.keys(), ...found.keys()])].flatMap((task) => {
      const different = differences(expected.get(task), found.get(task));
      return different.length === 0 ? [] : [`${task}: ${different.join("; ")}`];
    });
  },

  "what was committed never runs again": ({ stories, notes }) => {
    const ended = new Map(stories.flatMap(({ task, ended }) => ended.map((end) => [placeOf({ task, what: end.what }), end.at])));
    return notesOf(notes, "began")
      .filter((begun) => begun.at > (ended.get(placeOf(begun)) ?? Number.POSITIVE_INFINITY))
      .map((begun) => `${placeOf(begun)} began at ${begun.at}, fence ${begun.fence}, and had ended at ${ended.get(placeOf(begun))}`);
  },

  "what runs again has the key that it had, which is that of one process": ({ notes, undisturbed }) => {
    const expected = keysOf(undisturbed.begun);
    const found = keysOf(notesOf(notes, "began"));
    return [...new Set([...expected.keys(), ...found.keys()])]
      .filter((place) => [...(found.get(place) ?? [])].join() !== [...(expected.get(place) ?? [])].join())
      .map((place) => `${place}: expected ${[...(expected.get(place) ?? [])]}, found ${[...(found.get(place) ?? [])]}`);
  },

  "no stale commit is accepted: a generation has one owner, and none an older one than the generation before": ({ notes }) => {
    const breaches: string[] = [];
    const accepted = notesOf(notes, "committed").filter(({ answer }) => answer === "ok");
    for (const [task, commits] of Map.groupBy(accepted, ({ task }) => task)) {
      let before = { generation: 0, token: 0 };
      for (const commit of commits.sort((a, b) => a.generation - b.generation || a.token - b.token)) {
        if (commit.generation === before.generation) breaches.push(`${task}: two commits of generation ${commit.generation} were accepted`);
        if (commit.token < before.token)
          breaches.push(`${task}: generation ${commit.generation} is of ${commit.token}, the one before of ${before.token}`);
        before = commit;
      }
    }
    return breaches;
  },

  "an owner's token is given once": ({ notes }) =>
    [...Map.groupBy(notesOf(notes, "claimed"), ({ task, token }) => `${task}, token ${token}`)]
      .filter(([, claims]) => claims.length > 1)
      .map(([claim, { length }]) => `${claim}: given ${length} times`),

  "each run ends once, and its end is told once in the store": ({ stories, notes }) => [
    ...stories
      .filter(({ ends, untold }) => ends !== 1 || untold)
      .map(({ task, ends, untold }) => `${task}: ends ${ends}, untold ${untold}`),
    ...[...Map.groupBy(notesOf(notes, "told"), ({ task, end }) => `${task}, end ${end}`)]
      .filter(([, told]) => told.length > 1)
      .map(([end, { length }]) => `${end}: told ${length} times`),
  ],

  "each question is asked once": ({ stories }) =>
    stories.flatMap(({ task, opened }) =>
      [...opened].filter(([, times]) => times !== 1).map(([name, times]) => `${task}: ${name} ${times} times`),
    ),

  "events and generations count without a gap": ({ stories }) => stories.filter(({ isWhole }) => !isWhole).map(({ task }) => task),
};
