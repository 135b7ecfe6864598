/** What one attempt, or one step of it, has changed and not settled. */
import type { Message } from "./mailbox-log.ts";
import type { ValueLog } from "./value-log.ts";

export class Journal {
  /** The keys that it has changed, by their whole names. */
  readonly values = new Map<string, ValueLog>();
  readonly published = new Set<Message>();
  readonly taken = new Set<Message>();
}
