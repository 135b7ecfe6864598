/** What is asked of the starts of a key, checked: which of its options go together. */
import * as z from "zod/mini";
import { wholeMs } from "#contract/base/durations";
import { AsimovError } from "#contract/base/errors";
import { requireName } from "#contract/base/names";
import { nonEmpty } from "#contract/base/options";

/** How many runs of a key may be under way or begin; what is absent is not limited. */
export interface KeyLimit {
  /** Runs that have begun and have not ended, whether they work or wait; from 1 to 10,000. */
  concurrent?: number;
  /** Runs that begin within any 60 seconds; from 1 to 10,000. */
  perMinute?: number;
}

/** Of the runs of one agent that are submitted with the same key. */
export interface KeyedStart {
  /** Whose or what run it is, at most 512 characters; kept as the label `asimov.key`. Alone it holds nothing up. */
  key: string;
  /** Of the key from now on, instead of what was given before. A run that is over it waits, PARKED, for its turn: by `priority`, then in the order of submission. */
  limit?: KeyLimit;
  /** Milliseconds, at least 1: it begins when nothing of the key was submitted for so long, and ends as CANCELLED (`run-replaced`) where something was. */
  debounceMs?: number;
  /** Makes no run while one of the key that was submitted so is open. Default false. */
  singleton?: boolean;
}

/** What compiles of them: a key for whatever is asked of its starts, and one way to put several in place of one. */
export type KeyOptions =
  | { key?: string; delayMs?: number; limit?: never; debounceMs?: never; singleton?: never }
  | { key: string; delayMs?: number; limit?: KeyLimit; debounceMs?: never; singleton?: boolean }
  | { key: string; delayMs?: never; limit?: KeyLimit; debounceMs: number; singleton?: never };

const most = z.int().check(z.gte(1), z.lte(10_000));

/** For the schema of whoever takes them. */
export const keyShape = {
  key: z.optional(nonEmpty),
  limit: z.optional(z.strictObject({ concurrent: z.optional(most), perMinute: z.optional(most) })),
  debounceMs: z.optional(wholeMs(1)),
  singleton: z.optional(z.boolean()),
};

type Asked = Partial<KeyedStart> & { delayMs?: number };

/** @throws AsimovError `invalid-options`, `invalid-name` */
export function requireKeyed({ key, limit, debounceMs, singleton, delayMs }: Asked): void {
  if (key !== undefined) requireName(key, "key");
  const asked = Object.entries({ limit, debounceMs, singleton }).filter(([, value]) => value !== undefined);
  if (key === undefined && asked.length > 0) {
    throw misfit(`expected a key for ${asked.map(([name]) => `\`${name}\``).join(" and ")}, got none: say whose starts are meant`);
  }
  if (limit !== undefined && limit.concurrent === undefined && limit.perMinute === undefined) {
    throw misfit("limit: expected `concurrent`, `perMinute` or both, got neither");
  }
  if (debounceMs === undefined) return;
  if (singleton === true) throw misfit("expected `debounceMs` or `singleton`, got both: either the newest of a key stands or the oldest");
  if (delayMs !== undefined) throw misfit("expected `debounceMs` or `delayMs`, got both: each says when the run begins");
}

const misfit = (what: string): AsimovError => new AsimovError(`submit: ${what}.`, { code: "invalid-options" });

/** Whether its start is held by its key. */
export const isHeldByKey = ({ limit, debounceMs, singleton }: Asked): boolean =>
  limit !== undefined || debounceMs !== undefined || singleton === true;
