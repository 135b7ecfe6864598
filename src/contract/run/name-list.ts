/** A growing list of names, with the set of them beside it. */
import { type GrowingList, withMore } from "#contract/base/growing-list";

export type NameList = GrowingList<string>;

const sets = new WeakMap<NameList, Set<string>>();

const NONE: ReadonlySet<string> = new Set();

/** The names as a set. */
export const setOf = (list: NameList): ReadonlySet<string> => (list.length === 0 ? NONE : growingSetOf(list));

/** The names as a set; whoever holds it sees it grow with the list. */
export function growingSetOf(list: NameList): Set<string> {
  let set = sets.get(list);
  if (set === undefined) {
    set = new Set(list.flat());
    sets.set(list, set);
  }
  return set;
}

/**
 * The list with names that it does not hold yet. The longer list takes over the set of the shorter one.
 *
 * @param names read one at a time: each is in the set before the next is asked for
 */
export function withNames(list: NameList, names: Iterable<string>): NameList {
  // Most steps skip nothing.
  if (Array.isArray(names) && names.length === 0) return list;
  const set = growingSetOf(list);
  const more: string[] = [];
  for (const name of names) {
    set.add(name);
    more.push(name);
  }
  if (more.length === 0) return list;
  const longer = withMore(list, more);
  sets.delete(list);
  sets.set(longer, set);
  return longer;
}

/** The list without some names; costs its length. */
export function withoutNames(list: NameList, names: ReadonlySet<string>): NameList {
  const left = list.flat().filter((name) => !names.has(name));
  return left.length === 0 ? [] : [left];
}
