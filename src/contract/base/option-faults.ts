/** The faults of options in words: each with its place; of a union those of the branch that was meant, else all that could stand there. Never a value. */
import type * as z from "zod/mini";

type Issue = z.core.$ZodIssue;
interface Told {
  path: readonly PropertyKey[];
  code: Issue["code"];
  message: string;
}

/** What zod says where it knows no more. */
const WORDLESS = "Invalid input";

/** Of a value of the wrong type its size is no fault of its own, though whatever has a `length` has been asked for it. */
export function faultsIn(issues: readonly Issue[]): string[] {
  const told = issues.flatMap(tell).map(({ path, code, message }) => ({ place: path.map(String).join("."), code, message }));
  const mistyped = new Set(told.flatMap(({ place, code }) => (code === "invalid_type" ? [place] : [])));
  return told
    .filter(({ place, code }) => code === "invalid_type" || !mistyped.has(place))
    .map(({ place, message }) => (place === "" ? message : `${place}: ${message}`));
}

function tell(issue: Issue): Told[] {
  const { path, code, message } = issue;
  if (code !== "invalid_union" || issue.errors.length === 0 || message !== WORDLESS) return [{ path, code, message }];
  const branches = issue.errors.map((faults) => ({ faults, told: faults.flatMap(tell) }));
  const meant = branches.filter(({ faults }) => !faults.some(isMistaken));
  const [best] = meant.toSorted((a, b) => depthOf(b.told) - depthOf(a.told) || a.told.length - b.told.length);
  if (best !== undefined) return best.told.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
  const expected = new Set(branches.flatMap(({ told }) => told.flatMap(expectationOf)));
  const received = branches.flatMap(({ told }) => told.flatMap((fault) => /, received (.*)$/.exec(fault.message)?.[1] ?? []))[0];
  if (expected.size === 0) return [{ path, code, message }];
  const came = received === undefined ? "" : `, received ${received}`;
  return [{ path, code, message: `${WORDLESS}: expected ${[...expected].join(" or ")}${came}` }];
}

/** Of another kind than the branch is for, as a whole. */
const isMistaken = ({ path, code, message }: Issue): boolean =>
  path.length === 0 && (code === "invalid_type" || code === "invalid_value" || message === WORDLESS);

const depthOf = (told: readonly Told[]): number => Math.max(...told.map(({ path }) => path.length));

function expectationOf({ message }: Told): string[] {
  const [, expected] = /expected (.*?)(?:, received .*)?$/.exec(message) ?? [];
  return expected === undefined ? [] : [expected.replaceAll("|", ", ")];
}
