/** A growing list of names as plain JSON, never changed in place: adding to it costs a logarithm of its length, not its length. */

/** Chunks in order, each more than twice as long as the next. */
export type NameList = readonly (readonly string[])[];

const sets = new WeakMap<NameList, Set<string>>();

/** The names as a set; whoever holds it sees it grow with the list. */
export function setOf(list: NameList): ReadonlySet<string> {
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
  const set = setOf(list) as Set<string>;
  let chunk: string[] = [];
  for (const name of names) {
    set.add(name);
    chunk.push(name);
  }
  if (chunk.length === 0) return list;
  let kept = list.length;
  for (let last = list[kept - 1]; last !== undefined && last.length <= 2 * chunk.length; last = list[kept - 1]) {
    chunk = last.concat(chunk);
    kept--;
  }
  const longer = [...list.slice(0, kept), chunk];
  sets.delete(list);
  sets.set(longer, set);
  return longer;
}

/** The list without some names; costs its length. */
export function withoutNames(list: NameList, names: ReadonlySet<string>): NameList {
  const left = list.flat().filter((name) => !names.has(name));
  return left.length === 0 ? [] : [left];
}
