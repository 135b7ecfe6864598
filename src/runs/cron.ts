/** Moments by a line of cron in a time zone: over its changes of the clock none is twice, and none is lost. */

import { AsimovError, messageOf } from "#contract/base/errors";
import { loading } from "#contract/base/loading";

export interface CronLine {
  cron: string;
  timeZone: string;
}

/**
 * As croner is used here, which is right until a clock changes, and not behind that: it knows no more of the times that the clock has jumped over, and in an
 * hour that comes twice what it says is next is of the first pass.
 */
interface Times {
  nextRun(after: Date): Date | null;
}

export interface CronTimes {
  /** The first after that moment; null for none. */
  after(moment: number): number | null;
  /** The last after `since` and until `until`; null for none. */
  lastIn(since: number, until: number): number | null;
}

const FIELDS: Readonly<Record<number, readonly string[]>> = {
  5: ["minute", "hour", "day of month", "month", "day of week"],
  6: ["second", "minute", "hour", "day of month", "month", "day of week"],
};

const invalid = (what: string, cause?: unknown): AsimovError => new AsimovError(`schedule: ${what}`, { code: "schedule-invalid", cause });

/** @throws AsimovError `schedule-invalid`, which says where */
export async function cronTimes({ cron, timeZone }: CronLine): Promise<CronTimes> {
  const clock = wallClock(timeZone);
  const { Cron } = await loading(() => import("croner"));
  const timesIn = (timezone: string): Times => parsed((line) => new Cron(line, { timezone, paused: true }), cron);
  const times = timesIn(timeZone);
  const wall = timesIn("UTC");
  const after = (moment: number): number | null => {
    const next = Math.min(nextOf(times, moment), jumpedOver(wall, clock, moment));
    return Number.isFinite(next) ? next : null;
  };
  return { after, lastIn: (since, until) => lastIn(after, since, until) };
}

const STEP_MS = 60_000;
/** No clock that changes for the summer does so by more. */
const LONGEST_JUMP_MS = 2 * 3_600_000;

const runAfter = (times: Times, moment: number): number => times.nextRun(new Date(moment))?.getTime() ?? Number.POSITIVE_INFINITY;

/** What comes in an hour that comes twice is of its first pass: after that, the next is behind the second. */
function nextOf(times: Times, moment: number): number {
  const isPast = (start: number): boolean => runAfter(times, start) <= moment;
  let start = moment;
  while (isPast(start)) start += STEP_MS;
  return runAfter(times, start === moment ? moment : borderOf(isPast, start - STEP_MS, start) + 1);
}

/** What the clock has jumped over comes as much later, beside what is at that time itself. @param wall the same line on a clock that never changes */
function jumpedOver(wall: Times, clock: WallClock, moment: number): number {
  const offsetAt = (at: number): number => clock(at) - at;
  const [offset, before] = [offsetAt(moment), offsetAt(moment - LONGEST_JUMP_MS)];
  if (offset <= before) return Number.POSITIVE_INFINITY;
  const last = borderOf((at) => offsetAt(at) < offset, moment - LONGEST_JUMP_MS, moment);
  const next = runAfter(wall, moment + before);
  return next <= last + offset ? next - before : Number.POSITIVE_INFINITY;
}

/** The last moment of which something is so that is so at `early`, and not at `late`. */
function borderOf(isSo: (moment: number) => boolean, early: number, late: number): number {
  let [yes, no] = [early, late];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (isSo(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** Found by the moment from which on there is just one more. */
function lastIn(after: CronTimes["after"], since: number, until: number): number | null {
  const isSoon = (from: number): boolean => (after(from) ?? Number.POSITIVE_INFINITY) <= until;
  return isSoon(since) ? after(borderOf(isSoon, since, until)) : null;
}

/** What a clock on a wall shows at a moment, as if it were UTC. */
type WallClock = (moment: number) => number;

/** @throws AsimovError `schedule-invalid` */
function wallClock(timeZone: string): WallClock {
  try {
    const format = new Intl.DateTimeFormat("sv", { timeZone, dateStyle: "short", timeStyle: "medium" });
    return (moment) => Date.parse(`${format.format(moment).replace(" ", "T")}Z`) + (moment % 1_000);
  } catch (error) {
    throw invalid(`expected a time zone such as "Europe/Berlin", got ${JSON.stringify(timeZone)}.`, error);
  }
}

function parsed(parse: (line: string) => Times, cron: string): Times {
  const fields = cron.trim().split(/\s+/);
  const names = FIELDS[fields.length];
  const expected = 'expected five fields, or six with seconds first, such as "0 9 * * *"';
  if (names === undefined) throw invalid(`${expected}, got ${fields.length} in ${JSON.stringify(cron)}.`);
  try {
    return parse(fields.join(" "));
  } catch (error) {
    const isWrong = (at: number): boolean => {
      try {
        parse(fields.map((field, each) => (each === at ? field : "*")).join(" "));
        return false;
      } catch {
        return true;
      }
    };
    const at = fields.findIndex((_, each) => isWrong(each));
    const where = at < 0 ? "" : ` Field ${at + 1} (${names[at]}) is ${JSON.stringify(fields[at])}.`;
    throw invalid(`cannot read the cron line ${JSON.stringify(cron)}.${where} ${messageOf(error)}`, error);
  }
}
