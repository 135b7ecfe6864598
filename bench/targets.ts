/** What was to be reached, and whether it was; a target without figures is left out. */
import { AI_SDKS } from "./contenders/ai-sdk.ts";
import { LANGGRAPH } from "./contenders/langgraph.ts";
import { OURS } from "./contenders/ours.ts";
import type { Figure } from "./figure.ts";
import { GROWING } from "./shapes/growth.ts";
import { answeredCall, EARLY_CHAINS, FEW_UNREAD, LATE_CHAINS, MANY_UNREAD, refusedCall } from "./shapes/history.ts";
import { RAW } from "./shapes/model-streams.ts";
import { IN_MEMORY } from "./shapes/snapshots.ts";

export interface Verdict {
  target: string;
  aim: string;
  goal?: string;
  figure: string;
  isMet: boolean;
  reachesGoal?: boolean;
}

const FLOOR = "bare XState";
const SIZES = ["10", "100", "1,000", "10,000"];
const CHAINS = SIZES.map((size) => `chain of ${size}`);
const FANS = SIZES.map((size) => `fan-out of ${size} and join`);

type Read = (group: string, shape: string, contender?: string) => number | undefined;

interface Limits {
  aim: number;
  goal?: number;
  /** How a figure is written. */
  show(value: number): string;
}

function judge(target: string, value: number | undefined, { aim, goal, show }: Limits): Verdict[] {
  if (value === undefined) return [];
  const verdict = { target, aim: `≤ ${show(aim)}`, figure: show(value), isMet: value <= aim };
  return [goal === undefined ? verdict : { ...verdict, goal: `≤ ${show(goal)}`, reachesGoal: value <= goal }];
}

const asFraction = (value: number): string => `1/${(1 / value).toFixed(1).replace(/\.0$/, "")}`;
const asFactor = (value: number): string => `${value.toFixed(2).replace(/\.?0+$/, "")} ×`;
const as = (unit: string) => (value: number) =>
  `${value >= 1_000 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3))} ${unit}`;

const fractionOfLangGraph = (aim: number, goal: number): Limits => ({ aim: 1 / aim, goal: 1 / goal, show: asFraction });

/** Ours by another contender's. */
const ratio = (read: Read, group: string, shape: string, other: string): number | undefined => {
  const ours = read(group, shape);
  const theirs = read(group, shape, other);
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
};

/** The dearest size by the cheapest; those of 10 nodes are left out, since a run's own cost weighs on few nodes. */
function unevenness(read: Read, group: string, shapes: readonly string[]): number | undefined {
  const costs = shapes.slice(1).flatMap((shape) => read(group, shape) ?? []);
  return costs.length < 2 ? undefined : Math.max(...costs) / Math.min(...costs);
}

/** The lower ends of what the Python predecessor was measured with, on a machine of this kind. */
const PREDECESSOR: readonly [group: string, shape: string, contender: string, microseconds: number, per: string][] = [
  ["chain", "chain of 100", OURS, 70, "node"],
  ["fan", "fan-out of 100 and join", OURS, 19, "node"],
  ["fan", "fan-out of 1,000 and join", OURS, 46, "node"],
  ["loop", "loop of 1,000", OURS, 88, "iteration"],
  ["snapshots", "chain of 100", IN_MEMORY, 500, "node"],
  ["snapshots", "chain of 1,000", IN_MEMORY, 6_000, "node"],
];

const SDKS = ["Anthropic", "OpenAI", "Google GenAI", "Bedrock"];

/** Milliseconds. */
function later(read: Read, shape: string): number | undefined {
  const ours = read("stream", shape);
  const raw = read("stream", shape, RAW);
  return ours === undefined || raw === undefined ? undefined : (ours - raw) / 1_000;
}

/** The larger of two sizes by the smaller. */
function growthOf(read: Read, [small = "", large = ""]: readonly string[]): number | undefined {
  const [first, last] = [read("growth", small), read("growth", large)];
  return first === undefined || last === undefined ? undefined : last / first;
}

function growth(read: Read, group: string, from: string, to: string): number | undefined {
  const first = read(group, from);
  const last = read(group, to);
  return first === undefined || last === undefined ? undefined : last / first;
}

function refusalGrowth(read: Read): number | undefined {
  const added = [0.4, 4].flatMap((megabytes) => {
    const refused = read("history", refusedCall(megabytes));
    const answered = read("history", answeredCall(megabytes));
    return refused === undefined || answered === undefined ? [] : [(refused - answered) / megabytes];
  });
  const [small, large] = added;
  return small === undefined || large === undefined ? undefined : large / small;
}

export function verdictsOn(figures: readonly Figure[]): Verdict[] {
  const read: Read = (group, shape, contender = OURS) =>
    figures.find((figure) => figure.group === group && figure.shape === shape && figure.contender === contender)?.spread?.median;
  const graphs = [...CHAINS.map((shape) => ["chain", shape] as const), ...FANS.map((shape) => ["fan", shape] as const)];
  return [
    ...graphs.flatMap(([group, shape]) =>
      judge(`${shape}: a node's cost, of ${LANGGRAPH}'s`, ratio(read, group, shape, LANGGRAPH), fractionOfLangGraph(10, 20)),
    ),
    ...judge(`loop: an iteration's cost, of ${LANGGRAPH}'s`, ratio(read, "loop", "loop of 1,000", LANGGRAPH), fractionOfLangGraph(4, 8)),
    ...graphs.flatMap(([group, shape]) =>
      judge(`${shape}: a node's cost, of ${FLOOR}'s`, ratio(read, group, shape, FLOOR), { aim: 2, goal: 1.3, show: asFactor }),
    ),
    ...judge("chains of 100 to 10,000: dearest node by cheapest", unevenness(read, "chain", CHAINS), { aim: 1.5, show: asFactor }),
    ...judge("fan-outs of 100 to 10,000: dearest node by cheapest", unevenness(read, "fan", FANS), { aim: 1.5, show: asFactor }),
    ...Object.values(GROWING).flatMap((shapes) =>
      judge(`${shapes[1]}: cost, of that of a tenth of them`, growthOf(read, shapes), { aim: 1.5, show: asFactor }),
    ),
    ...PREDECESSOR.flatMap(([group, shape, contender, aim, per]) =>
      judge(`${group === "snapshots" ? "snapshots on a " : ""}${shape}: Python predecessor`, read(group, shape, contender), {
        aim,
        show: as(`µs/${per}`),
      }),
    ),
    ...SDKS.flatMap((sdk) => [
      ...judge(`${sdk}: a delta's time, of the raw SDK's`, ratio(read, "stream", `${sdk}, 10,000 deltas`, RAW), {
        aim: 1 / 0.9,
        show: asFactor,
      }),
      ...judge(`${sdk}: first delta, after the raw SDK's`, later(read, `${sdk}, first delta`), { aim: 2, show: as("ms") }),
    ]),
    ...AI_SDKS.flatMap((sdk) =>
      judge(`tool chain: a turn's cost, of the ${sdk}'s`, ratio(read, "toolchain", "100 turns", sdk), { aim: 1 / 5, show: asFraction }),
    ),
    ...judge(
      "tool chain: turns 450 to 500 by turns 1 to 50",
      growth(read, "toolchain", "turns 1 to 50 of 500", "turns 450 to 500 of 500"),
      {
        aim: 1.25,
        show: asFactor,
      },
    ),
    ...judge("events: one among 200,000 unread by one among 10,000", growth(read, "history", FEW_UNREAD, MANY_UNREAD), {
      aim: 3,
      show: asFactor,
    }),
    ...judge("chains of one module: the last ten of 120 by the first", growth(read, "history", EARLY_CHAINS, LATE_CHAINS), {
      aim: 1.25,
      show: asFactor,
    }),
    ...judge("what a refusal adds to a call, for a character: with 4 MB of them by with 0.4", refusalGrowth(read), {
      aim: 1.5,
      show: asFactor,
    }),
    ...judge("import, time", read("package", "import"), { aim: 100, show: as("ms") }),
    ...judge("import, memory over bare node", read("package", "memory of the import, over bare node"), { aim: 30, show: as("MB") }),
    ...judge("installed", read("package", "installed, with its dependencies and xstate"), { aim: 15, show: as("MB") }),
  ];
}
