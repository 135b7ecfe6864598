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

/** Milliseconds in which a worker looks, and asks, though nothing is slow. */
const LOOK_MS = 1_500;

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

export function recoveryOf(lost: readonly Lost[], notes: readonly Note[], leaseMs: number): Recovery {
  const claims = notesOf(notes, "claimed");
  const byTask = Map.groupBy(claims, ({ task }) => task);
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
    overtaken += fresh.filter((claim) => claim.at > at + leaseMs + LOOK_MS && claim.at < next.at).length;
  }
  times.sort((a, b) => a - b);
  return { count: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: times.at(-1) ?? 0, overtaken, unsaid };
}
