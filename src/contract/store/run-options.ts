/** The options that every run store has. */
import * as z from "zod/mini";
import { wholeMs } from "#contract/base/durations";
import { isFunction } from "#contract/base/options";

/** Makes bytes of bytes and back, as to encrypt or to compress. */
export interface Codec {
  encode(bytes: Uint8Array): Uint8Array;
  decode(bytes: Uint8Array): Uint8Array;
}

export interface RunStoreOptions {
  /** For all that users wrote; ids, statuses, labels, names, hints of snapshots and reasons to cancel stay readable. Default: none. */
  codec?: Codec;
  /**
   * The largest part, in bytes as they are stored, after the codec. What a module gives, sets, sends, saves or emits beyond it is refused with
   * `part-too-large`, which fails the module, finally, and nothing else. Default 16 MiB.
   */
  maxPartBytes?: number;
  /** How many of its newest events are kept of each run. Default 1,000. */
  keepEvents?: number;
  /** How many of its newest generations are kept of each run. Default 100. */
  keep?: number;
  /** Milliseconds after its end until a run is gone. Default: it stays. */
  retainMs?: number;
}

export interface RunStoreSettings {
  readonly codec: Codec | undefined;
  readonly maxPartBytes: number;
  readonly keepEvents: number;
  readonly keep: number;
  readonly retainMs: number;
}

const isCodec = (value: unknown): boolean => {
  const codec = value as Partial<Codec> | null | undefined;
  return isFunction(codec?.encode) && isFunction(codec?.decode);
};

const count = () => z.optional(z.int().check(z.gte(1)));

/** For the schema of a driver, beside what is its own. */
export const runStoreShape = () => ({
  codec: z.optional(z.custom<Codec>(isCodec, "expected an object with the functions encode and decode")),
  maxPartBytes: count(),
  keepEvents: count(),
  keep: count(),
  retainMs: z.optional(wholeMs(1)),
});

export function settingsOf(options: Partial<Record<keyof RunStoreOptions, unknown>>): RunStoreSettings {
  const {
    codec,
    maxPartBytes = 16 * 1024 * 1024,
    keepEvents = 1_000,
    keep = 100,
    retainMs = Number.POSITIVE_INFINITY,
  } = options as {
    [Name in keyof RunStoreOptions]?: RunStoreOptions[Name] | undefined;
  };
  return { codec, maxPartBytes, keepEvents, keep, retainMs };
}
