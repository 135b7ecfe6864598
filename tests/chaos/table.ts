/** What a chaos run gave, as a table for people. */
import type { ChaosOptions, Report } from "./chaos.ts";
import { WANTED_MS } from "./figures.ts";

/** So many breaches of a law are shown. */
const MOST = 3;

export const isSound = ({ breaches }: Pick<Report, "breaches">): boolean => Object.values(breaches).every((found) => found.length === 0);

export function tableOf({ seed, store, queue, runs, leaseMs, proxy }: ChaosOptions, report: Report): string {
  const { made, faults, breaches, recovery, seconds, refused, fenced, repeated, claims } = report;
  const told = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  const against = (found: number, most: number): string => `${found} ms, at most ${most} wanted: ${found <= most ? "reached" : "missed"}`;
  const rows: [string, string][] = [
    ["seed, store × queue, runs, lease", `${seed}, ${store} × ${queue}, ${runs}, ${leaseMs} ms`],
    ["worker kills, stops, server kills, networks cut", `${made.kills}, ${made.stops}, ${made.serverKills}, ${made.cuts}`],
    ["faults of the proxies", proxy ? told(faults) : "no proxies"],
    ["took", `${seconds.toFixed(0)} s, ${claims} claims, ${repeated} modules and steps begun again, ${fenced} stale commits refused`],
    ["what workers left as it was, by code", told(refused)],
    ...Object.entries(breaches).map(([law, found]): [string, string] => [
      law,
      found.length === 0 ? "holds" : `BROKEN ${found.length} times`,
    ]),
  ];
  if (recovery.count > 0) {
    const { count, p50, p99, most, overtaken, unsaid } = recovery;
    rows.push(
      [`recovery after a kill, of ${count} runs: p50`, against(p50, leaseMs + WANTED_MS.p50)],
      ["p99", against(p99, leaseMs + WANTED_MS.p99)],
      ["longest", `${most} ms`],
      ["had in between by one that was killed before it could say so", `${unsaid} more runs`],
      ["new runs taken while a lost one could have been", String(overtaken)],
    );
  }
  const details = Object.entries(breaches).flatMap(([law, found]) =>
    found.slice(0, MOST).map((breach) => `\n${law}:\n  ${breach.slice(0, 2_000)}`),
  );
  return [...["| what | came out |", "|---|---|"], ...rows.map((row) => `| ${row.join(" | ")} |`), ...details].join("\n");
}
