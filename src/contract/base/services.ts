/** What the library takes from its surroundings: time, ids and chance; whoever hands in others runs everything on simulated time. */

/**
 * A source of time. `SimulatedClock` of `asimov-agents/testing` is one, XState's another.
 *
 * @example
 * const tenfold: Clock = {
 *   now: () => Date.now(),
 *   setTimeout: (fire, ms) => setTimeout(fire, ms / 10),
 *   clearTimeout: (timer) => clearTimeout(timer as number),
 * };
 * new Agent({ nodes, clock: tenfold });
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment, which no change of the date moves. Default `now`. */
  monotonic?(): number;
  /** Calls `fire` once, after `ms` milliseconds, at most 2^31 - 1. Returns what `clearTimeout` takes. */
  setTimeout(fire: () => void, ms: number): unknown;
  /** Harmless after the timer fired. */
  clearTimeout(timer: unknown): void;
}

/**
 * What a client takes from its surroundings, each in place of the system's.
 *
 * @example
 * let made = 0;
 * const services: Partial<Services> = { ids: () => `id-${++made}`, random: () => 0.5 };
 * new ScriptedInferenceClient(["Hello."], { services });
 */
export interface Services {
  readonly clock: Clock;
  /** A new id, unlike any other anywhere. */
  ids(): string;
  /** A number from 0 up to, not with, 1. */
  random(): number;
}

/** The platform's own. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fire, ms) => setTimeout(fire, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** For how long something took. */
export const monotonicOf = (clock: Clock): number => clock.monotonic?.() ?? clock.now();

/** Milliseconds since a moment of `monotonicOf`, to the microsecond. */
export const elapsedMs = (clock: Clock, since: number): number => Math.round((monotonicOf(clock) - since) * 1_000) / 1_000;

export const systemServices: Services = {
  clock: systemClock,
  ids: () => crypto.randomUUID(),
  random: () => Math.random(),
};
