/** What is said of a run that is not as somebody thought. */
import { RunError } from "#contract/base/errors";

export const notFound = (taskId: string): RunError =>
  new RunError(`This store holds no run ${taskId}. See that it is the store that the run was started with.`, {
    code: "run-not-found",
    taskId,
  });

export const hasEnded = (taskId: string, what: string): RunError =>
  new RunError(`${what}: run ${taskId} has ended, so that nobody takes it any more. Go on with it by \`retry\` or \`fork\`.`, {
    code: "run-ended",
    taskId,
  });
