/** Where a run keeps its values: with itself, where no other run comes, or in the agent's cache. */
import { prefixWithin } from "#cache/keys";
import { AsimovError, SnapshotError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import type { Clock } from "#contract/base/services";
import type { OpenValues } from "#contract/run/host";
import type { Cache } from "#contract/store/cache";
import type { ValueRoom } from "#values/run-driver";
import { RunValues } from "#values/run-values";

type Values = Readonly<Record<string, unknown>>;

/** What the place follows from. */
export interface PlaceSettings {
  readonly clock: Clock;
  readonly cache: Cache;
  /** Where runs keep what names no key space: each for itself, or all in the cache. */
  readonly valuesIn: "run" | "cache";
}

export interface PlacedValues {
  /** The key space of the cache. */
  cachePrefix: string | undefined;
  /** What the values are at first, besides the task. */
  given?: Values | undefined;
  /** Of a run that is restored: what was stored with it, by part; absent where that was in a cache. */
  stored?: Readonly<Record<string, string>> | undefined;
}

const isOwn = ({ valuesIn }: Pick<PlaceSettings, "valuesIn">, cachePrefix: string | undefined): boolean =>
  cachePrefix === undefined && valuesIn === "run";

export class ValuesPlace {
  readonly cache: Cache;
  /** Absent where the values are in the agent's cache. */
  readonly own: RunValues | undefined;
  /** What is to be set before the first node starts. */
  readonly first: Values;

  /** @param room of the run's store */
  constructor(settings: PlaceSettings, { cachePrefix, given = {}, stored = {} }: PlacedValues, room?: ValueRoom) {
    const { cache, clock } = settings;
    if (isOwn(settings, cachePrefix)) {
      this.own = new RunValues(clock, Object.entries(stored));
      this.cache = this.own.cache;
      // At once, so that an actor that is persisted before it has begun has them.
      void this.cache.setMany(given);
      this.own.room = room;
      this.first = {};
    } else {
      this.own = undefined;
      this.cache = cachePrefix === undefined ? cache : cache.withPrefix(prefixWithin(cache.prefix, cachePrefix));
      this.first = given;
    }
  }

  /** As a part of the run's persisted state. */
  persisted(): { values?: Record<string, string> } {
    return this.own === undefined ? {} : { values: Object.fromEntries(this.own.parts()) };
  }

  /** For one attempt of a module. In a cache, what is done is done. */
  open(stepOf?: () => object | undefined): OpenValues {
    return this.own?.open(stepOf) ?? { cache: this.cache, settle() {} };
  }
}

/** A copy of what a user gives as first values. @throws AsimovError `invalid-options`, `not-json` */
export function firstValues(values: unknown): Values | undefined {
  if (values === undefined) return undefined;
  const refuse = (why: string): never => {
    throw new AsimovError(`values: ${why}.`, { code: "invalid-options" });
  };
  if (typeof values !== "object" || values === null || Array.isArray(values)) return refuse("expected an object of values by key");
  for (const key of Object.keys(values)) {
    if (key === "task") refuse("the key `task` is the run's task; give the value another");
    if (key === "" || !key.isWellFormed()) refuse("expected keys of whole characters that are not empty");
  }
  return copyJson(values as Values, "values");
}

/** What was stored with the run would be lost, or taken for none. @throws SnapshotError `snapshot-other-values` */
export function requireSamePlace(settings: PlaceSettings, { cachePrefix, stored }: PlacedValues): void {
  const own = isOwn(settings, cachePrefix);
  if (own === (stored !== undefined)) return;
  const [had, has] = own ? ["in its agent's cache", "with the run"] : ["with the run", "in its cache"];
  throw new SnapshotError(
    `The run kept its values ${had}, and this agent keeps them ${has}: restore it with the \`valuesIn\` that it had.`,
    { code: "snapshot-other-values" },
  );
}

/** @throws AsimovError `invalid-options` */
export function requireSameSpace(stored: string | undefined, asked: string | undefined): void {
  if (asked === undefined || asked === stored) return;
  const place = stored === undefined ? "where its agent keeps them, in no key space of its own" : `in the key space "${stored}"`;
  throw new AsimovError(`cachePrefix: a run that is restored keeps its values ${place}; got "${asked}". Leave it out.`, {
    code: "invalid-options",
  });
}
