/** Flow control by vote: language models, or calls, choose among the decisions whose condition holds; the module keeps no vote for later. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { shownMessageOf } from "#contract/base/error-details";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { ChatRole } from "#contract/base/vocabulary";
import type { GenerateOptions, Generation } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { type FlowControlConfig, FlowControlModule, type FlowDecision } from "#contract/node/flow-control";
import type { AgentModuleInit, ModuleContext, ModuleResult } from "#contract/node/module";
import { type Ballot, type BallotPaper, ballotPrompt, readBallot, tallyOf, type VoteExample } from "./ballot.ts";

/** What is used of a client. */
export interface VotingClient {
  readonly model: string;
  generate(messages: ChatMessage[], options?: GenerateOptions): Promise<Generation>;
}

/** A client, a client with a name and options of its own, or a call that gives the name of a decision, or null to abstain. */
export type Voter =
  | VotingClient
  | { name?: string; client: VotingClient; options?: Pick<GenerateOptions, "maxTokens" | "temperature" | "topP" | "thinking"> }
  | ((paper: BallotPaper, context: ModuleContext) => unknown);

export interface AgentDirectedFlowInit extends AgentModuleInit {
  /** A decision's `metadata.description` is what voters are told of it. */
  flowConfig: FlowControlConfig;
  /** At least one. */
  voters: Voter[];
  /** What the vote is about, for models. */
  instructions?: string;
  examples?: VoteExample[];
  /** The key of the run's values whose value models are shown as what happened so far. */
  historyKey?: string;
  /** Valid ballots that a decision needs; fewer, and the default is taken. Default 1. */
  quorum?: number;
  /** Of decisions with equally many votes: the one declared first, or the default of the flow. Default `"first"`. */
  tieBreak?: "first" | "default";
}

const voter = z.custom<Voter>(
  (value) =>
    typeof value === "function" ||
    typeof (value as VotingClient | null)?.generate === "function" ||
    typeof (value as { client?: VotingClient } | null)?.client?.generate === "function",
  { message: "expected a client, { client }, or a function" },
);
const voteSchema = lazily(() =>
  z.strictObject({
    voters: z.array(voter).check(z.minLength(1, { message: "expected at least one voter" })),
    instructions: z.optional(z.string()),
    examples: z.optional(z.array(z.strictObject({ situation: z.string(), decision: z.string(), reason: z.optional(z.string()) }))),
    historyKey: z.optional(nonEmpty),
    quorum: z.optional(z.int().check(z.gte(1))),
    tieBreak: z.optional(z.enum(["first", "default"])),
  }),
);

/**
 * Its result holds every ballot and the tally: `ballots`, `tally`.
 *
 * @example
 * new AgentDirectedFlowControl({
 *   name: "next?",
 *   flowConfig: { decisions: [{ nextNode: "revise", metadata: { description: "The draft has faults" } }], default: "publish" },
 *   voters: [client, client, client],
 *   quorum: 2,
 * });
 */
export class AgentDirectedFlowControl extends FlowControlModule {
  readonly #voters: readonly Voter[];
  readonly #paper: Pick<BallotPaper, "instructions" | "examples">;
  readonly #historyKey: string | undefined;
  readonly #quorum: number;
  readonly #tieBreak: "first" | "default";

  /** @throws AsimovError `invalid-options` */
  constructor({ voters, instructions, examples, historyKey, quorum, tieBreak, ...init }: AgentDirectedFlowInit) {
    super(init);
    const given = { voters, instructions, examples, historyKey, quorum, tieBreak };
    const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const options = parseOptions(voteSchema(), known, `Module "${this.name}"`);
    if ((options.quorum ?? 1) > options.voters.length) {
      throw new AsimovError(
        `Module "${this.name}": quorum: expected at most ${options.voters.length}, the number of voters; got ${options.quorum}.`,
        { code: "invalid-options" },
      );
    }
    this.#voters = options.voters;
    this.#paper = { examples: examples ?? [], ...(instructions === undefined ? {} : { instructions }) };
    this.#historyKey = options.historyKey;
    this.#quorum = options.quorum ?? 1;
    this.#tieBreak = options.tieBreak ?? "first";
  }

  override async process(context: ModuleContext): Promise<ModuleResult> {
    const offered: FlowDecision[] = [];
    for (const decision of this.flowConfig.decisions) if (await this.holds(decision, context)) offered.push(decision);
    const history = this.#historyKey === undefined ? null : await context.values.get<unknown>(this.#historyKey, null);
    const paper: BallotPaper = {
      task: context.task,
      options: offered.map(({ nextNode, metadata }) => ({ name: nextNode, description: descriptionOf(metadata) })),
      ...this.#paper,
      ...(history === null ? {} : { history }),
    };
    const voters = offered.length === 0 ? [] : this.#voters;
    const ballots = await Promise.all(voters.map((entry, index) => vote(entry, index, paper, context)));
    context.signal.throwIfAborted();
    const tally = tallyOf(ballots, offered, this.#quorum, this.#tieBreak);
    const winner = offered.find(({ nextNode }) => nextNode === tally.winner);
    const result = winner === undefined ? this.fallBack() : await this.jump(winner, context);
    return { ...result, ballots, tally };
  }
}

brand(AgentDirectedFlowControl, "AgentDirectedFlowControl");

const descriptionOf = (metadata: Record<string, unknown> | undefined): string =>
  typeof metadata?.description === "string" ? metadata.description : "";

/** A voter that fails is a ballot that says so: the others still count. */
async function vote(entry: Voter, index: number, paper: BallotPaper, context: ModuleContext): Promise<Ballot> {
  const name = nameOf(entry, index);
  try {
    const answer = typeof entry === "function" ? await entry(paper, context) : await ask(entry, paper, context);
    const names = paper.options.map((option) => option.name);
    return { voter: name, ...readBallot(answer, names) };
  } catch (error) {
    return { voter: name, status: "failed", problem: shownMessageOf(error) };
  }
}

function nameOf(entry: Voter, index: number): string {
  if (typeof entry === "function") return entry.name === "" ? `voter ${index + 1}` : entry.name;
  return "client" in entry ? (entry.name ?? entry.client.model) : `${entry.model} ${index + 1}`;
}

async function ask(entry: Exclude<Voter, (...args: never) => unknown>, paper: BallotPaper, { signal }: ModuleContext): Promise<string> {
  const { client, options } = "client" in entry ? { client: entry.client, options: entry.options } : { client: entry, options: {} };
  const { system, user } = ballotPrompt(paper);
  const messages: ChatMessage[] = [
    { role: ChatRole.SYSTEM, content: system },
    { role: ChatRole.USER, content: user },
  ];
  const { text } = await client.generate(messages, { ...options, signal });
  return text;
}
