/** A question of a run as a store keeps it: who is asked and until when, and the rest sealed. */
import type { Sealed, StoredRun } from "./run-record.ts";

/** What has closed a question: its answer or its deadline, a cancel, a jump or an attempt that went another way, or the end of its run. */
export type QuestionEnd = "answered" | "deadline" | "cancelled" | "superseded" | "reopened" | "ended";

/** Moments are milliseconds since 1970. */
export interface QuestionClosed {
  why: QuestionEnd;
  at: number;
  /** Whoever answered, as they say. */
  by?: string;
  /** What the message that closed it said, for a run that goes on from before it had that. */
  message?: Sealed;
}

/** As a commit opens it, or asks somebody else. */
export interface NewQuestion {
  /** The task's id is in it, behind the first point; see `questionId`. */
  id: string;
  askedAt: number;
  deadline: number | null;
  to: string | null;
  body: Sealed;
}

/** What a commit, or a message that ends one, does to a run's questions. */
export interface QuestionChanges {
  put: readonly NewQuestion[];
  close: readonly (Omit<QuestionClosed, "at"> & { id: string })[];
}

export interface StoredQuestion extends NewQuestion {
  taskId: string;
  agent: string;
  closed: QuestionClosed | null;
}

/** Oldest first, by `askedAt`, then by id. */
export interface QuestionQuery {
  /** That one, also where it is closed; without it, those that are open. */
  id?: string;
  taskId?: string;
  agent?: string;
  to?: string;
  /** Their deadline is before that moment. */
  dueBefore?: number;
  /** Where the page before ended. */
  after?: { askedAt: number; id: string };
  limit: number;
}

/** 128 random bits, and the task, so that a question is found wherever its run is. @param random a UUID */
export const questionId = (taskId: string, random: string): string => `${random.replaceAll("-", "")}.${taskId}`;

/** Undefined for what is no id of a question. */
export function taskOfQuestion(id: string): string | undefined {
  const end = id.indexOf(".");
  return end < 1 || end === id.length - 1 ? undefined : id.slice(end + 1);
}

/** How the end of its run closes a question that is open then; for good, also where the run goes on. */
export const closedByEnd = ({ status, updatedAt }: StoredRun): Omit<QuestionClosed, "message"> => ({
  why: status === "CANCELLED" ? "cancelled" : "ended",
  at: updatedAt,
});

/** Whether a question is one of those that are asked for. */
export function isAskedFor(question: StoredQuestion, { id, taskId, agent, to, dueBefore, after }: QuestionQuery): boolean {
  return (
    (id === undefined ? question.closed === null : question.id === id) &&
    (taskId === undefined || question.taskId === taskId) &&
    (agent === undefined || question.agent === agent) &&
    (to === undefined || question.to === to) &&
    (dueBefore === undefined || (question.deadline !== null && question.deadline < dueBefore)) &&
    (after === undefined || compareQuestions(question, after) > 0)
  );
}

type Place = Pick<StoredQuestion, "askedAt" | "id">;

export const compareQuestions = (a: Place, b: Place): number => a.askedAt - b.askedAt || (a.id < b.id ? -1 : Number(a.id > b.id));
