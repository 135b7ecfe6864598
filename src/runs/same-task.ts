/** Whether a task that is stored already is the one that somebody has: by what is asked, whatever its labels. */
import { RunError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import type { Task } from "#contract/base/task";

type Asked = Pick<Task<unknown>, "type" | "objective" | "params">;

/** @throws RunError `run-differs` where the stored task is another one */
export function requireSame(taskId: string, stored: Asked, asked: Asked): void {
  const text = (value: unknown): string => toJsonText(sorted(value), "params");
  for (const what of ["type", "objective", "params"] as const) {
    if (text(stored[what]) === text(asked[what])) continue;
    throw new RunError(`Run ${taskId} has another ${what} than this task: a task that differs needs an id of its own.`, {
      code: "run-differs",
      taskId,
    });
  }
}

/** The order of keys means nothing. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
