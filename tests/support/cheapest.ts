/** The least processor time that some work took, for laws that compare sizes within one run: a busy machine only adds to it. */

/** @param rounds each after a first one that warms up @returns milliseconds of the processor, for each work by its place */
export async function cheapest(works: readonly (() => unknown)[], rounds = 7): Promise<number[]> {
  const least = works.map(() => Number.POSITIVE_INFINITY);
  for (let round = -1; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) least[index] = Math.min(least[index] as number, (user + system) / 1_000);
    }
  }
  return least;
}
