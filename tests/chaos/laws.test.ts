/** Each law of the chaos runs sees the breach that it is there for, and nothing in a run without one. */
import { describe, expect, it } from "vitest";
import { recoveryBreaches, recoveryOf } from "./figures.ts";
import { LAWS, type Observed } from "./laws.ts";
import type { Note } from "./notes.ts";
import { isSound } from "./table.ts";
import type { Story } from "./users.ts";

const story: Story = {
  ...{ task: "a", outcome: { status: "whole" }, ends: 1, untold: false, isWhole: true },
  ended: [{ what: "first.1/work", status: "success", at: 20 }],
  opened: new Map([["approve", 1]]),
};
const begun = { task: "a", what: "first.1/work", key: "a/first", fence: 1 };
const notes: Note[] = [
  { kind: "claimed", at: 1, task: "a", token: 1, isNew: true },
  { kind: "began", at: 10, ...begun },
  { kind: "committed", at: 11, task: "a", token: 1, generation: 2, answer: "ok" },
  { kind: "claimed", at: 15, task: "a", token: 2, isNew: false },
  { kind: "began", at: 20, ...begun, fence: 2 },
  { kind: "committed", at: 21, task: "a", token: 2, generation: 3, answer: "ok" },
  { kind: "committed", at: 22, task: "a", token: 1, generation: 3, answer: "fenced" },
  { kind: "told", at: 23, task: "a", end: 1 },
];
const sound: Observed = { stories: [story], notes, undisturbed: { stories: [story], begun: [begun] } };

const broken = (observed: Observed): string[] => Object.keys(LAWS).filter((law) => (LAWS[law]?.(observed) ?? []).length > 0);
const changed = (more: Partial<Story>): Observed => ({ ...sound, stories: [{ ...story, ...more }] });
const noted = (...more: Note[]): Observed => ({ ...sound, notes: [...notes, ...more] });

const BREACHES: [what: string, law: RegExp, observed: Observed][] = [
  ["another outcome", /as in one process/, changed({ outcome: { status: "partial" } })],
  ["a run that is not there", /as in one process/, { ...sound, stories: [] }],
  ["a module that begins after its end was committed", /never runs again/, noted({ kind: "began", at: 21, ...begun, fence: 3 })],
  ["a repeat under another key", /key/, noted({ kind: "began", at: 12, ...begun, key: "a/other" })],
  ["a module that one process does not run", /key/, noted({ kind: "began", at: 12, ...begun, what: "second.1/work" })],
  [
    "a commit of an older owner behind one of a newer",
    /stale/,
    noted({ kind: "committed", at: 24, task: "a", token: 1, generation: 4, answer: "ok" }),
  ],
  ["two commits of one generation", /stale/, noted({ kind: "committed", at: 24, task: "a", token: 2, generation: 3, answer: "ok" })],
  ["a token that two are given", /token/, noted({ kind: "claimed", at: 24, task: "a", token: 2, isNew: false })],
  ["a second end", /ends once/, changed({ ends: 2 })],
  ["an end that nobody tells", /ends once/, changed({ untold: true })],
  ["an end that is told twice", /ends once/, noted({ kind: "told", at: 24, task: "a", end: 1 })],
  ["a question that is asked again", /question/, changed({ opened: new Map([["approve", 2]]) })],
  ["a gap in what is stored", /gap/, changed({ isWhole: false })],
];

describe("the laws of chaos", () => {
  it("hold of a run that an heir has ended, whose lost owner was refused", () => {
    expect(broken(sound)).toEqual([]);
  });

  it.each(BREACHES)("see %s", (_, law, observed) => {
    expect(broken(observed)).toEqual([expect.stringMatching(law)]);
  });
});

describe("recovery", () => {
  const fresh: Note = { kind: "claimed", at: 1, task: "new", token: 1, isNew: true };
  const again: Note = { ...fresh, at: 9_000, task: "a", token: 2, isNew: false };
  const lost = [{ task: "a", token: 1, at: 2_000 }];
  const claims: Note[] = [{ ...fresh, task: "a" }, { ...fresh, at: 5_200 }, { ...fresh, at: 8_300 }, again];

  it("is the time from the kill to the next claim, and counts what was taken while the lost run could have been", () => {
    expect(recoveryOf(lost, claims, 3_000)).toEqual({ count: 1, p50: 7_000, p99: 7_000, most: 7_000, overtaken: 1, unsaid: 0 });
    expect(recoveryOf(lost, claims, 3_500)).toMatchObject({ overtaken: 0 });
  });

  it("leaves out what somebody had in between who did not come to say so", () => {
    const later = claims.with(-1, { ...again, token: 3 });
    expect(recoveryOf(lost, later, 3_000)).toMatchObject({ count: 0, unsaid: 1, overtaken: 0 });
  });

  it("leaves out what nobody has taken again", () => {
    expect(recoveryOf([{ task: "a", token: 2, at: 2_000 }], claims, 3_000)).toMatchObject({ count: 0 });
  });

  it("that comes too late for half of the runs, or behind new ones, makes a report unsound", () => {
    const whole = { count: 3, p50: 9_000, p99: 20_000, most: 20_000, overtaken: 0, unsaid: 0 };
    const isSoundWith = (more: Partial<typeof whole>): boolean => isSound({ breaches: recoveryBreaches({ ...whole, ...more }, 3_000) });
    expect([isSoundWith({}), isSoundWith({ p50: 9_001 }), isSoundWith({ overtaken: 1 })]).toEqual([true, false, false]);
  });
});
