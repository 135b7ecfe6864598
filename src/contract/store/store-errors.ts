/** What run stores say when they cannot do what was asked. */
import { AsimovError } from "#contract/base/errors";

export function closed(store: string): AsimovError {
  return new AsimovError(`This ${store} was closed. Make another one over the same place to go on.`, { code: "store-closed" });
}

export function partTooLarge(taskId: string, what: string, bytes: number, most: number): AsimovError {
  return new AsimovError(
    `${what} of run "${taskId}" has ${bytes} bytes; this store takes at most ${most} (\`maxPartBytes\`). Keep large data elsewhere, and its address in the run.`,
    { code: "part-too-large" },
  );
}

export function notText(what: string): AsimovError {
  return new AsimovError(
    `${what} holds half of a surrogate pair, which no store can keep as it is. Write it as an escape (\\ud83d), as JSON.stringify does.`,
    { code: "run-store-text" },
  );
}

export function misused(what: string, expected: string, found: unknown): AsimovError {
  return new AsimovError(`${what}: expected ${expected}, got ${typeof found === "number" ? found : typeof found}.`, {
    code: "invalid-options",
  });
}

export function unmatched(taskId: string, n: number): AsimovError {
  return new AsimovError(`A commit to run "${taskId}" consumes message ${n}, which is not in its inbox. Consume each message once.`, {
    code: "commit-invalid",
  });
}
