/** How long what a killed worker had waits for the next one. */
import { notesOf } from "./laws.ts";
import type { Note } from "./notes.ts";
import type { Lost } from "./workers.ts";

export interface Recovery {
  count: number;
  p50: number;
  p99: number;
  most: number;
  /** Runs that nobody had begun, taken while a lost one could have been. */
  overtaken: number;
  /** Runs that somebody had in between who was killed, or cut off, before it could say so: when, nobody knows. */
  unsaid: number;
}

/** Milliseconds in which a worker looks, and asks, on a machine whose processors have other work, too. */
const LOOK_MS = 3_000;
/** Milliseconds beyond a lease within which half of what was lost is to be taken again, and nearly all of it. */
export const WANTED_MS = { p50: 1_000, p99: 3_000 };
/** Milliseconds beyond that which the law allows: two processors may serve the workers, their server and other tests, and the server is killed, too. */
const LOADED_MS = 5_000;

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

export function recoveryOf(lost: readonly Lost[], notes: readonly Note[], leaseMs: number): Recovery {
  const claims = notesOf(notes, "claimed");
  const byTask = Map.groupBy(claims, ({ task }) => task);
  const moments = claims.map(({ at }) => at).sort((a, b) => a - b);
  const fresh = claims.filter(({ isNew }) => isNew);
  const times: number[] = [];
  let overtaken = 0;
  let unsaid = 0;
  for (const { task, token, at } of lost) {
    const next = (byTask.get(task) ?? []).filter((claim) => claim.token > token).sort((a, b) => a.token - b.token)[0];
    if (next === undefined) continue;
    if (next.token > token + 1) {
      unsaid++;
      continue;
    }
    times.push(Math.max(0, next.at - at));
    // Until somebody has taken anything, its server may be away.
    const could = moments.find((moment) => moment > at + leaseMs) ?? next.at;
    overtaken += fresh.filter((claim) => claim.at > could + LOOK_MS && claim.at < next.at).length;
  }
  times.sort((a, b) => a - b);
  return { count: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: times.at(-1) ?? 0, overtaken, unsaid };
}

/** As of the other laws, a sentence for each breach. */
export function recoveryBreaches({ p50, overtaken }: Recovery, leaseMs: number): Record<string, string[]> {
  const most = leaseMs + WANTED_MS.p50 + LOADED_MS;
  return {
    [`half of what a killed worker had is taken again within its lease and a second, and ${LOADED_MS / 1_000} more on a loaded machine`]:
      p50 <= most ? [] : [`p50 of ${p50} ms, at most ${most}`],
    "what a killed worker had is taken before what nobody has begun": overtaken === 0 ? [] : [`${overtaken} new runs were taken before it`],
  };
}
