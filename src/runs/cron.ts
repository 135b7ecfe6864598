/** Moments by a line of cron in a time zone: over its changes of the clock none is twice, and none is lost. */

import { AsimovError, messageOf } from "#contract/base/errors";
import { loading } from "#contract/base/loading";

export interface CronLine {
  cron: string;
  timeZone: string;
}

/** As croner is used here. */
interface Times {
  nextRun(after: Date): Date | null;
  previousRuns(count: number, before: Date): Date[];
}

export interface CronTimes {
  /** The first after that moment; null for none. */
  after(moment: number): number | null;
  /** The last before that moment. */
  before(moment: number): number | null;
}

const FIELDS: Readonly<Record<number, readonly string[]>> = {
  5: ["minute", "hour", "day of month", "month", "day of week"],
  6: ["second", "minute", "hour", "day of month", "month", "day of week"],
};

const invalid = (what: string, cause?: unknown): AsimovError => new AsimovError(`schedule: ${what}`, { code: "schedule-invalid", cause });

/** @throws AsimovError `schedule-invalid`, which says where */
export async function cronTimes({ cron, timeZone }: CronLine): Promise<CronTimes> {
  requireZone(timeZone);
  const { Cron } = await loading(() => import("croner"));
  const times = parsed((line) => new Cron(line, { timezone: timeZone, paused: true }), cron);
  return {
    after: (moment) => times.nextRun(new Date(moment))?.getTime() ?? null,
    before: (moment) => times.previousRuns(1, new Date(moment))[0]?.getTime() ?? null,
  };
}

function requireZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
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
