/** What was to be reached, and whether it was; a target without figures is left out. */
import type { Figure } from "./figure.ts";
import {
  AI_SDK_STREAMED,
  AI_SDK_WHOLE,
  CHAIN_SHOWN,
  FLOOR,
  IN_FILES,
  IN_MEMORY,
  IN_POSTGRES,
  IN_REDIS,
  IN_SQLITE,
  ITEMS,
  LANGGRAPH,
  MASTRA,
  MEMORY_SAVER,
  NODES,
  OURS,
  RAW,
  SQLITE_SAVER,
  STREAMED,
} from "./names.ts";
import { ACTED, DELTA, HEARD } from "./shapes/away.ts";
import { CRITICAL_PATH } from "./shapes/branches.ts";
import { SHOWN } from "./shapes/chain-streams.ts";
import { LARGE_SCHEMA } from "./shapes/checks.ts";
import { FIRST_NODE, IMPORT, IMPORT_MEMORY } from "./shapes/cold-start.ts";
import { COMMITS, COMMITS_BESIDE, heldIn, WHOLE_RUNS } from "./shapes/durable.ts";
import { newestOf, STATUSES } from "./shapes/found.ts";
import { bytesOf, CHAIN_OF_100, CHAIN_OF_10000, FIRST_TENTH, KINDS, LAST_TENTH } from "./shapes/generations.ts";
import { GROWING } from "./shapes/growth.ts";
import { HELD } from "./shapes/held.ts";
import { answeredCall, EARLY_CHAINS, FEW_UNREAD, LATE_CHAINS, MANY_UNREAD, refusedCall } from "./shapes/history.ts";
import { ITEMS_AT_ONCE, ITEMS_STORED, KEEPING_ITEMS, ONE_OF_100, ONE_OF_10000 } from "./shapes/items.ts";
import { AI_SDK, PROVIDERS } from "./shapes/model-streams.ts";
import { INSTALLED } from "./shapes/package-cost.ts";
import { ALL_ANSWERED, ANSWERED, LISTED, PARKED_IN } from "./shapes/parked.ts";
import { WITH_MEMORY_STORE, WITHOUT_STORE } from "./shapes/resident.ts";
import { RESTORED } from "./shapes/restore.ts";
import { ALONE, BARE_WRITE } from "./shapes/servers.ts";
import { leftOf, SAVED } from "./shapes/snapshots.ts";
import { EARLY_TURNS, LATE_TURNS } from "./shapes/tool-chains.ts";
import { byWorkers, inProcess } from "./shapes/workers.ts";

export interface Verdict {
  target: string;
  aim: string;
  figure: string;
  isMet: boolean;
}

/** A target's figure, by the figures of all benchmarks. */
type Read = (group: string, shape: string, contender?: string) => number | undefined;

interface Target {
  target: string;
  /** At most that. */
  aim: number;
  figure(read: Read): number | undefined;
  /** How a figure is written. */
  show(value: number): string;
}

const asFraction = (value: number): string => `1/${(1 / value).toFixed(1).replace(/\.0$/, "")}`;
const asFactor = (value: number): string => `${value.toFixed(2).replace(/\.?0+$/, "")} ×`;
const as = (unit: string) => (value: number) =>
  `${value >= 1_000 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3))} ${unit}`;

const quotient = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || whole === undefined ? undefined : part / whole;

/** Ours at most that part, or that many times, of another's. @param ours who of ours, where several are */
const beside = (target: string, [group, shape, ours]: readonly [string, string, string?], other: string, aim: number): Target => ({
  target: `${target}, of ${other}'s`,
  aim,
  figure: (read) => quotient(read(group, shape, ours), read(group, shape, other)),
  show: aim <= 0.5 ? asFraction : asFactor,
});

/** Ours in one shape at most that many times ours in another. @param ours who of ours, where several are */
const growing = (target: string, group: string, [from = "", to = ""]: readonly string[], aim: number, ours?: string): Target => ({
  target,
  aim,
  figure: (read) => quotient(read(group, to, ours), read(group, from, ours)),
  show: asFactor,
});

const atMost = (target: string, [group, shape, contender]: readonly [string, string, string?], aim: number, unit: string): Target => ({
  target,
  aim,
  figure: (read) => read(group, shape, contender),
  show: as(unit),
});

const SIZES = ["10", "100", "1,000", "10,000"];
const CHAINS = SIZES.map((size) => ["chain", `chain of ${size}`] as const);
const FANS = SIZES.map((size) => ["fan", `fan-out of ${size} and join`] as const);
const GRAPHS = [...CHAINS, ...FANS];

const aRefusalsGrowth = (read: Read): number | undefined => {
  const added = (megabytes: number): number | undefined => {
    const refused = read("history", refusedCall(megabytes));
    const answered = read("history", answeredCall(megabytes));
    return refused === undefined || answered === undefined ? undefined : (refused - answered) / megabytes;
  };
  return quotient(added(4), added(0.4));
};

/** Milliseconds. */
const afterRaw = (shape: string) => (read: Read) => {
  const [ours, raw] = [read("stream", shape), read("stream", shape, RAW)];
  return ours === undefined || raw === undefined ? undefined : (ours - raw) / 1_000;
};

const TARGETS: readonly Target[] = [
  ...GRAPHS.map((graph) =>
    beside(`${graph[1]}: a node's cost`, graph, LANGGRAPH, graph === CHAINS[0] || graph === FANS[0] ? 1 / 15 : 1 / 20),
  ),
  ...GRAPHS.map((graph) => beside(`${graph[1]}: a node's cost`, graph, FLOOR, 1)),
  growing("chains: a node of 10,000 by one of 100", "chain", [CHAINS[1]?.[1] ?? "", CHAINS[3]?.[1] ?? ""], 2),
  growing("fan-outs: a node of 10,000 by one of 100", "fan", [FANS[1]?.[1] ?? "", FANS[3]?.[1] ?? ""], 2),
  beside("run of a chain of 5", ["runs", "run of a chain of 5"], MASTRA, 1.15),
  beside("run of a chain of 50", ["runs", "run of a chain of 50"], MASTRA, 0.75),
  beside("loop: an iteration's cost", ["loop", "loop of 1,000"], LANGGRAPH, 1 / 8),
  atMost("loop: an iteration's cost", ["loop", "loop of 1,000"], 30, "µs"),
  beside("1,000 tasks at once: a task's cost", ["tasks", "1,000 tasks at once"], FLOOR, 1.3),
  ...HELD.map((shape) => atMost(`${shape}: the event loop's longest hold`, ["held", shape], 50, "ms")),
  ...Object.values(GROWING).map((shapes) => growing(`${shapes[1]}: cost, of that of a tenth of them`, "growth", shapes, 1.5)),
  ...SAVED.flatMap((shape): Target[] => [
    beside(`${shape}, stored before each: time, in memory`, ["snapshots", shape, IN_MEMORY], MEMORY_SAVER, 1 / 5),
    beside(`${shape}, stored before each: time, on SQLite`, ["snapshots", shape, IN_SQLITE], SQLITE_SAVER, 1 / 2),
    beside(`${shape}, stored before each: bytes, in memory`, ["snapshots", leftOf(shape), IN_MEMORY], MEMORY_SAVER, 1 / 10),
    beside(`${shape}, stored before each: bytes, on SQLite`, ["snapshots", leftOf(shape), IN_SQLITE], SQLITE_SAVER, 1 / 10),
  ]),
  ...KINDS.flatMap((kind): Target[] => [
    growing(`${kind}: time of a generation at 10,000 nodes by one at 100`, "generations", [CHAIN_OF_100, CHAIN_OF_10000], 1.5, kind),
    growing(`${kind}: its bytes`, "generations", [bytesOf(CHAIN_OF_100), bytesOf(CHAIN_OF_10000)], 1.5, kind),
    growing(`${kind}: time of the last 1,000 of 10,000 generations by the first`, "generations", [FIRST_TENTH, LAST_TENTH], 1.5, kind),
    growing(`${kind}: their bytes`, "generations", [bytesOf(FIRST_TENTH), bytesOf(LAST_TENTH)], 1.5, kind),
  ]),
  ...[ITEMS_AT_ONCE, ITEMS_STORED].map((shape) => beside(`${shape}: an item's cost`, ["items", shape, ITEMS], NODES, 1)),
  ...KEEPING_ITEMS.map((kind) =>
    growing(`${kind}: storing an item of 10,000 by one of 100`, "items", [ONE_OF_100, ONE_OF_10000], 1.5, kind),
  ),
  ...[COMMITS, COMMITS_BESIDE, WHOLE_RUNS].map((shape) => atMost(`${shape} on SQLite: a durable generation`, ["durable", shape], 30, "µs")),
  ...[COMMITS, COMMITS_BESIDE].map((shape) =>
    atMost(`${shape} on SQLite: the event loop's longest hold`, ["durable", heldIn(shape)], 50, "ms"),
  ),
  ...[IN_MEMORY, IN_SQLITE, IN_FILES].map((kind) => atMost(`restoring a ${RESTORED}: ${kind}`, ["restore", RESTORED, kind], 300, "ms")),
  ...STATUSES.map((status) => atMost(`of 100,000 runs ${newestOf(status)}`, ["find", newestOf(status), IN_SQLITE], 20, "ms")),
  ...[IN_SQLITE, IN_FILES, IN_REDIS, IN_POSTGRES].flatMap((kind): Target[] => [
    atMost(
      `of another process's run: ${HEARD}: ${kind}`,
      ["away", HEARD, kind],
      kind === IN_REDIS || kind === IN_POSTGRES ? 100 : 250,
      "ms",
    ),
    atMost(`of another process's run: ${DELTA}, p50: ${kind}`, ["away", DELTA, kind], 50, "ms"),
    atMost(`of another process's run: ${ACTED}: ${kind}`, ["away", ACTED, kind], 250, "ms"),
  ]),
  ...[IN_REDIS, IN_POSTGRES].flatMap((kind): Target[] => [
    growing(`${kind}: ${ALONE} by ${BARE_WRITE}`, "servers", [BARE_WRITE, ALONE], 1.5, kind),
    ...(["localQueue", "bullQueue"] as const).flatMap((queue): Target[] => {
      const [waiting, one, two] = [
        byWorkers("waits 20 ms", queue, 1),
        byWorkers("burns 20 ms", queue, 1),
        byWorkers("burns 20 ms", queue, 2),
      ];
      return [
        growing(
          `${kind}, ${queue}: time of one worker by that of one process, where modules wait`,
          "workers",
          [waiting, inProcess("waits 20 ms")],
          1 / 0.8,
          kind,
        ),
        growing(`${kind}, ${queue}: time of two workers by that of one, where modules burn`, "workers", [two, one], 1 / 1.4, kind),
      ];
    }),
  ]),
  ...[WITHOUT_STORE, WITH_MEMORY_STORE].map((shape) => atMost(shape, ["resident", shape], 60, "kB")),
  // The lower ends of what the Python predecessor was measured with, on a machine of this kind.
  ...[1, 2, 3].map((draw) => beside(`five uneven branches, draw ${draw}`, ["branches", `draw ${draw}`], CRITICAL_PATH, 1.03)),
  atMost("snapshots on a chain of 100: Python predecessor", ["snapshots", "chain of 100", IN_MEMORY], 500, "µs/node"),
  atMost("snapshots on a chain of 1,000: Python predecessor", ["snapshots", "chain of 1,000", IN_MEMORY], 6_000, "µs/node"),
  ...PROVIDERS.flatMap((name): Target[] => [
    beside(`${name}: a delta's time`, ["stream", `${name}, 10,000 deltas`], RAW, 1 / 0.9),
    { target: `${name}: first delta, after the ${RAW}'s`, aim: 2, figure: afterRaw(`${name}, first delta`), show: as("ms") },
  ]),
  beside("AI SDK, by its streamText: a delta's time", ["stream", `${AI_SDK}, 10,000 deltas`], RAW, 1.15),
  ...SHOWN.map((shape) => beside(`${shape}: a delta of streamChain`, ["chainstream", shape, CHAIN_SHOWN], STREAMED, 1.2)),
  atMost(LARGE_SCHEMA, ["checks", LARGE_SCHEMA], 50, "µs"),
  beside("tool chain: a turn's cost", ["toolchain", "100 turns"], AI_SDK_WHOLE, 1 / 3),
  beside("tool chain: a turn's cost", ["toolchain", "100 turns"], AI_SDK_STREAMED, 1 / 10),
  growing("tool chain: turns 950 to 1,000 by turns 1 to 50", "toolchain", [EARLY_TURNS, LATE_TURNS], 1.25),
  ...PARKED_IN.flatMap((kind) => [
    atMost(`beside 100,000 parked runs: ${LISTED}: ${kind}`, ["parked", LISTED, kind], 20, "ms"),
    atMost(`beside 100,000 parked runs: ${ANSWERED}, p50: ${kind}`, ["parked", ANSWERED, kind], 20, "ms"),
    atMost(`beside 100,000 parked runs: ${ALL_ANSWERED}: ${kind}`, ["parked", ALL_ANSWERED, kind], 2_000, "ms"),
  ]),
  growing("events: one among 200,000 unread by one among 10,000", "history", [FEW_UNREAD, MANY_UNREAD], 3),
  growing("chains of one module: the last ten of 120 by the first", "history", [EARLY_CHAINS, LATE_CHAINS], 1.25),
  {
    target: "what a refusal adds to a call, for a character: with 4 MB of them by with 0.4",
    aim: 1.5,
    figure: aRefusalsGrowth,
    show: asFactor,
  },
  atMost("import, time", ["package", IMPORT], 60, "ms"),
  atMost("import, memory over bare Node", ["package", IMPORT_MEMORY], 15, "MB"),
  beside(FIRST_NODE, ["package", FIRST_NODE], LANGGRAPH, 1 / 2),
  atMost("installed", ["package", INSTALLED], 15, "MB"),
];

export function verdictsOn(figures: readonly Figure[]): Verdict[] {
  const read: Read = (group, shape, contender = OURS) =>
    figures.find((figure) => figure.group === group && figure.shape === shape && figure.contender === contender)?.spread?.median;
  return TARGETS.flatMap(({ target, aim, figure, show }) => {
    const value = figure(read);
    return value === undefined ? [] : [{ target, aim: `≤ ${show(aim)}`, figure: show(value), isMet: value <= aim }];
  });
}
