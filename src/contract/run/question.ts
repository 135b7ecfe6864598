/** A question that a run has asked, as whoever answers it sees it. */
import type { JsonSchema } from "#contract/chat/schema";

/** Plain JSON. What is shown is public to whoever may answer: nothing of it is masked. */
export interface Question {
  id: string;
  taskId: string;
  /** The name of the run's agent. */
  agent: string;
  node: string;
  /** The nodes whose nested graph the node is in; empty for the run's own. */
  path: readonly string[];
  name: string;
  /** What is to be decided on. */
  shown: unknown;
  /** What an answer is held against, in JSON Schema. */
  schema: JsonSchema;
  /** 32 digits: the same where the same is shown. An answer may name it, and is refused where something else is. */
  shownHash: string;
  /** Why the answer before was not taken. */
  problem?: string;
  /** Milliseconds since 1970, as `deadline` is. */
  askedAt: number;
  /** An answer is too late from then on. */
  deadline?: number;
  /** Whom it is asked. */
  to?: string;
  kind: "question" | "tool-approval";
}

/** As it is where a node of the run's own graph has another name. */
export function renamedQuestion(question: Question, from: string, to: string): Question {
  const [outermost, ...within] = question.path;
  if (outermost === undefined) return question.node === from ? { ...question, node: to } : question;
  return outermost === from ? { ...question, path: [to, ...within] } : question;
}

/** What closed a question that a module waits for. */
export type Answer = { why: "answered"; value: unknown; by?: string } | { why: "deadline" };

/** By this mailbox, which no user can name, answers come to a run, and the ends of runs that it waits for. */
export const ANSWERS = "";

/** One for each question, so that a second answer is a duplicate. */
export const answerMessageId = (question: string): string => `answer/${question}`;
export const questionOfAnswer = (messageId: string): string => messageId.slice("answer/".length);
