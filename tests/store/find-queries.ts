/** Queries over runs that no store may answer by a look at all that it has. */
import type { FindQuery } from "#contract/store/run-commit";

export const QUERIES: Record<string, Partial<FindQuery>> = {
  "of no status": {},
  "of an end": { statuses: ["FAILED"] },
  "that are READY": { statuses: ["READY"] },
  "that are RUNNING": { statuses: ["RUNNING"] },
  "that are PARKED": { statuses: ["PARKED"] },
  "of several statuses": { statuses: ["READY", "RUNNING", "FAILED"] },
  "on a later page": { statuses: ["READY"], after: { createdAt: 5, taskId: "x" } },
  "on a later page, of no status": { after: { createdAt: 5, taskId: "x" } },
  "of an agent and a type": { agent: "a", type: "b", statuses: ["COMPLETE"] },
  "with labels": { labels: { team: "x", tier: "1" }, statuses: ["COMPLETE"] },
  "that changed before": { updatedBefore: 5 },
  "that are due, of an agent": { order: "due", agent: "a", statuses: ["READY"] },
  "that will be due, of an agent": { order: "due", agent: "a", statuses: ["PARKED"] },
  "that are due, on a later page": { order: "due", agent: "a", statuses: ["READY"], after: { createdAt: 5, taskId: "x", dueAt: 5 } },
  "of an agent that lost owners have left": { order: "due", agent: "a", statuses: ["READY"], leased: true },
  "of an agent whose end is untold": { agent: "a", untold: true },
  "of an agent whose end is untold, on a later page": { agent: "a", untold: true, after: { createdAt: 5, taskId: "x" } },
};
