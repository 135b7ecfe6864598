/** A gateway that asks another server in the middle of an answer goes on with another answer: put together, they are none. */
import type { Fault } from "#contract/chat/wire";

export const SPLICED: Fault = {
  kind: "retryable",
  code: "stream-truncated",
  detail: "another answer began in its place",
  isOwnDetail: true,
};
