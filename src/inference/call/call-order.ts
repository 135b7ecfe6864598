/** One call as it is asked for, whatever attempts it takes. */
import type { CallScope } from "#contract/chat/call-scope";
import type { ModelRequest } from "#contract/chat/wire";

export interface CallOrder {
  request: ModelRequest;
  warnings: readonly string[];
  /** About as many tokens as go in. */
  estimate: number;
  /** Of the calls in the conversation: an id that repeats is replaced. */
  toolUseIds: ReadonlySet<string>;
  signal: AbortSignal | undefined;
  idleTimeoutMs: number;
  isStreamed: boolean;
  scope: CallScope | undefined;
}
