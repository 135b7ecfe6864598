/** A growing list as plain JSON, never changed in place: adding to it costs a logarithm of its length, not its length. */

/** Chunks in order, each more than twice as long as the next; `flat` makes a list of it. */
export type GrowingList<T> = readonly (readonly T[])[];

export function withMore<T>(list: GrowingList<T>, more: readonly T[]): GrowingList<T> {
  if (more.length === 0) return list;
  let chunk = more;
  let kept = list.length;
  for (let last = list[kept - 1]; last !== undefined && last.length <= 2 * chunk.length; last = list[kept - 1]) {
    chunk = last.concat(chunk);
    kept--;
  }
  return [...list.slice(0, kept), chunk];
}

/** As a list, not to be changed. */
export function listOf<T>(list: GrowingList<T>): readonly T[] {
  const [only = []] = list;
  return list.length < 2 ? only : list.flat();
}

export function lengthOf(list: GrowingList<unknown>): number {
  let sum = 0;
  for (const { length } of list) sum += length;
  return sum;
}
