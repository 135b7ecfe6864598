/** What callers ask of runs, checked. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, labelsOf, nonEmpty, parseOptions, signalSchema } from "#contract/base/options";
import type { RunStatus } from "#contract/store/run-record";
import type { AnswerOptions, OnRefused } from "./questions.ts";

export interface FindRuns {
  /** The agent's name. */
  agent?: string;
  /** The task's type. */
  type?: string;
  status?: RunStatus | readonly RunStatus[];
  /** All of them must be the run's. */
  labels?: Readonly<Record<string, string>>;
  updatedBefore?: Date;
  /** The task id of the last one that was seen. */
  after?: string;
  /** Default: all. */
  limit?: number;
}

export interface FindQuestions {
  taskId?: string;
  /** The name of the run's agent. */
  agent?: string;
  /** Whom they are asked. */
  to?: string;
  /** Their deadline is before that. */
  dueBefore?: Date;
  /** Default: all. */
  limit?: number;
  /** Told of each that is damaged (`snapshot-damaged`), and is left out. Default: nobody is. */
  onRefused?: OnRefused;
}

const status = z.enum(["READY", "RUNNING", "PARKED", "COMPLETE", "FAILED", "PARTIAL", "CANCELLED"]);
const date = z.custom<Date>((value) => value instanceof Date && !Number.isNaN(value.getTime()), { message: "expected a Date" });
const SCHEMAS = lazily(() => ({
  find: z.strictObject({
    agent: z.optional(nonEmpty),
    type: z.optional(nonEmpty),
    status: z.optional(z.union([status, z.array(status)])),
    labels: z.optional(labelsOf(z.string())),
    updatedBefore: z.optional(date),
    after: z.optional(nonEmpty),
    limit: z.optional(z.int().check(z.gte(1))),
  }),
  questions: z.strictObject({
    taskId: z.optional(nonEmpty),
    agent: z.optional(nonEmpty),
    to: z.optional(nonEmpty),
    dueBefore: z.optional(date),
    onRefused: z.optional(z.custom<OnRefused>(isFunction, { message: "expected a function" })),
    limit: z.optional(z.int().check(z.gte(1))),
  }),
  answer: z.strictObject({ by: z.optional(nonEmpty), shownHash: z.optional(nonEmpty) }),
  watch: z.strictObject({ signal: z.optional(signalSchema) }),
  events: z.strictObject({ from: z.optional(z.int().check(z.gte(1))), deltas: z.optional(z.boolean()), signal: z.optional(signalSchema) }),
  send: z.strictObject({ id: z.optional(nonEmpty) }),
  prune: z.strictObject({ endedBefore: z.optional(date), keep: z.optional(z.int().check(z.gte(0))) }),
  path: z.array(z.string()),
}));

export const takeFind = (query: FindRuns): FindRuns => parseOptions(SCHEMAS().find, query, "find") as FindRuns;
export const takeQuestions = (query: FindQuestions): FindQuestions =>
  parseOptions(SCHEMAS().questions, query, "questions") as FindQuestions;
export const takeAnswer = (options: object): AnswerOptions => parseOptions(SCHEMAS().answer, options, "answer") as AnswerOptions;
export const takeWatch = (options: object) => parseOptions(SCHEMAS().watch, options, "watch");
export const takeEvents = (options: object) => parseOptions(SCHEMAS().events, options, "events");
export const takeSend = (options: object) => parseOptions(SCHEMAS().send, options, "send");
export const takePrune = (query: object) => parseOptions(SCHEMAS().prune, query, "prune");
export const takePath = (path: readonly string[]) => parseOptions(SCHEMAS().path, path, "value");
