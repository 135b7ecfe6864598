/** What is told of a store that did not do what a run wanted of it. */
import { shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import type { Fault } from "#contract/node/result";

export const storeFault = (what: string, error: unknown, code = "store-unavailable"): Fault => ({
  status: "error",
  error: `${what}: ${shownMessageOf(error)}`,
  code: asimovErrorOf(error)?.code ?? code,
});
