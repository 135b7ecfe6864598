/** Cuts plain data down to what still fails. */

type Path = readonly string[];

/** From the outside in: what holds much goes first. */
function pathsOf(value: unknown): Path[] {
  const paths: Path[] = [];
  let level: [path: Path, value: unknown][] = [[[], value]];
  while (level.length > 0) {
    level = level.flatMap(([path, outer]) =>
      typeof outer === "object" && outer !== null
        ? Object.entries(outer).map(([key, inner]): [Path, unknown] => [[...path, key], inner])
        : [],
    );
    paths.push(...level.map(([path]) => path));
  }
  return paths;
}

/** @returns undefined where the path leads nowhere */
function without(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined || typeof value !== "object" || value === null || !(key in value)) return undefined;
  if (rest.length === 0) {
    if (Array.isArray(value)) return value.filter((_, index) => index !== Number(key));
    return Object.fromEntries(Object.entries(value).filter(([other]) => other !== key));
  }
  const inner = without(value[key as keyof typeof value], rest);
  if (inner === undefined) return undefined;
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
}

/** @param stillFails may throw for data that make no sense */
export function shrink<T>(value: T, stillFails: (smaller: T) => boolean): T {
  let best = value;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const path of pathsOf(best)) {
      const smaller = without(best, path) as T | undefined;
      if (smaller === undefined) continue;
      try {
        if (!stillFails(smaller)) continue;
      } catch {
        continue;
      }
      best = smaller;
      isSmaller = true;
    }
  }
  return best;
}
