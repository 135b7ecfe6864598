/**
 * How much the long tests do: little in CI, all that a release is held to with `npm run test:long`. What they draw follows from one seed, which
 * their titles and fast-check's reports show, and `FC_SEED` sets.
 */

/** Whether somebody has hours for it. */
export const IS_LONG = process.env.ASIMOV_LONG === "1";

export const counted = (short: number, long: number): number => (IS_LONG ? long : short);

export const SEED = Number(process.env.FC_SEED ?? 20_261_127);

/** Milliseconds in which whatever is tried so often has surely ended, unless it hangs. */
export const LONG_MS = counted(600_000, 10 * 3_600_000);
