/** Ballots: what voters are asked, how their answers are read, and what they add up to. */

import type { Task } from "#contract/base/task";
import type { FlowDecision } from "#contract/node/flow-control";

/** What a voter decides on. */
export interface BallotPaper {
  task: Task;
  /** The decisions whose condition holds, in their order. */
  options: { name: string; description: string }[];
  instructions?: string;
  examples: readonly VoteExample[];
  /** Of the run's values, when the module names a key for it. */
  history?: unknown;
}

export interface VoteExample {
  situation: string;
  decision: string;
  reason?: string;
}

export interface Ballot {
  voter: string;
  /** `failed`: the voter gave no answer at all. */
  status: "valid" | "abstained" | "invalid" | "failed";
  decision?: string;
  reason?: string;
  /** Of an invalid ballot, its start; of a failed one, the error. */
  problem?: string;
}

const ABSTAIN = "ABSTAIN";
const MAX_SHOWN = 200;

/** What a model is told; the same words for the same paper. */
export function ballotPrompt({ task, options, instructions, examples, history }: BallotPaper): { system: string; user: string } {
  const names = options.map(({ name }) => JSON.stringify(name)).join(", ");
  const system = [
    "You vote on what happens next in a workflow.",
    ...(instructions === undefined ? [] : [instructions]),
    `Answer with nothing but JSON: {"decision": one of ${names}, or "${ABSTAIN}" when none fits, "reason": one short sentence}.`,
    "The options:",
    ...options.map(({ name, description }) => `- ${JSON.stringify(name)}${description === "" ? "" : `: ${description}`}`),
    ...examples.map(
      ({ situation, decision, reason }) =>
        `Example. ${situation} -> ${JSON.stringify({ decision, ...(reason === undefined ? {} : { reason }) })}`,
    ),
  ].join("\n");
  const { type, objective, params } = task;
  const said = history === undefined ? "" : `\nWhat happened so far: ${JSON.stringify(history)}`;
  return { system, user: `The task: ${JSON.stringify({ type, objective, params })}${said}\nWhat is next?` };
}

type Read = Pick<Ballot, "status" | "decision" | "reason" | "problem">;

/** Reads JSON, a bare name, or a sentence that names exactly one option, in whatever case; `null` abstains. */
export function readBallot(answer: unknown, names: readonly string[]): Read {
  if (answer === null || answer === undefined) return { status: "abstained" };
  if (typeof answer === "object") return readVote(answer as Record<string, unknown>, names);
  const text = String(answer).trim();
  const json = /\{[\s\S]*\}/.exec(text)?.[0];
  if (json !== undefined) {
    try {
      return readVote(JSON.parse(json) as Record<string, unknown>, names);
    } catch {
      // Then as text.
    }
  }
  const bare = text.replace(/^["'`]+|["'`.]+$/g, "");
  const decision = optionIn(bare, names) ?? only(names.filter((name) => mentions(text, name)));
  if (decision !== undefined) return { status: "valid", decision };
  return isAbstention(bare) ? { status: "abstained" } : invalid(text);
}

const only = (names: readonly string[]): string | undefined => (new Set(names).size === 1 ? names[0] : undefined);

/** Names may differ by nothing but case: then it has to be right. */
function optionIn(said: string, names: readonly string[]): string | undefined {
  if (names.includes(said)) return said;
  const lower = said.trim().toLowerCase();
  return only(names.filter((name) => name.toLowerCase() === lower));
}

const isAbstention = (said: string): boolean => said.trim().toUpperCase() === ABSTAIN;

/** As a word of its own. */
function mentions(text: string, name: string): boolean {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_-])${escaped}(?![\\p{L}\\p{N}_-])`, "u").test(text);
}

function readVote(vote: Record<string, unknown>, names: readonly string[]): Read {
  const { reason } = vote;
  const why = typeof reason === "string" && reason !== "" ? { reason } : {};
  const field = ["decision", "nextNode", "vote"].find((name) => vote[name] !== undefined);
  if (field === undefined) return { ...invalid(JSON.stringify(vote)), ...why };
  const said = vote[field];
  if (said === null) return { status: "abstained", ...why };
  const decision = typeof said === "string" ? optionIn(said, names) : undefined;
  if (decision !== undefined) return { status: "valid", decision, ...why };
  if (typeof said === "string" && isAbstention(said)) return { status: "abstained", ...why };
  return { ...invalid(JSON.stringify(said) ?? "nothing"), ...why };
}

const invalid = (text: string): Read => ({ status: "invalid", problem: text.slice(0, MAX_SHOWN) });

export interface Tally {
  /** By option, all that were offered. */
  votes: Record<string, number>;
  valid: number;
  abstained: number;
  /** Ballots that name no option, and voters that failed. */
  invalid: number;
  /** Absent when there was no quorum, or a tie that the default breaks. */
  winner?: string;
  isTie: boolean;
}

/** @param quorum valid ballots that a decision needs */
export function tallyOf(
  ballots: readonly Ballot[],
  options: readonly FlowDecision[],
  quorum: number,
  tieBreak: "first" | "default",
): Tally {
  const votes = Object.fromEntries(options.map(({ nextNode }) => [nextNode, 0]));
  for (const { decision } of ballots) if (decision !== undefined) votes[decision] = (votes[decision] ?? 0) + 1;
  const valid = ballots.filter(({ status }) => status === "valid").length;
  const abstained = ballots.filter(({ status }) => status === "abstained").length;
  const most = Math.max(0, ...Object.values(votes));
  const leaders = options.filter(({ nextNode }) => most > 0 && votes[nextNode] === most).map(({ nextNode }) => nextNode);
  const distinct = [...new Set(leaders)];
  const isTie = distinct.length > 1;
  const [first] = distinct;
  const isDecided = first !== undefined && valid >= quorum && !(isTie && tieBreak === "default");
  return { votes, valid, abstained, invalid: ballots.length - valid - abstained, isTie, ...(isDecided ? { winner: first } : {}) };
}
