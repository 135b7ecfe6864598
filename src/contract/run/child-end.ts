/** What a run tells its parent before its end is stored: a parent that nobody owns is READY by it, and then looks until the end is there. */
import { ANSWERS } from "./question.ts";

const CHILD = "child/";

export interface ChildEnding {
  taskId: string;
  /** The fencing token under which it ends: where it has another owner since, it has not ended. */
  token: number;
}

/** @param end unlike that of any other end of the same run, which may be retried */
export const endingMessage = (taskId: string, end: string): { id: string; mailbox: string } => ({
  id: `${CHILD}${end}/${taskId}`,
  mailbox: ANSWERS,
});

export const isEnding = (messageId: string): boolean => messageId.startsWith(CHILD);
