/** The messages that a run puts into mailboxes, its own and shared ones: whoever sends one from outside is told when it is there. */
import { shownMessageOf } from "#contract/base/error-details";
import { AsimovError } from "#contract/base/errors";
import { type OutputMailbox, shownMailbox } from "#contract/node/output-mailbox";
import type { Cache } from "#contract/store/cache";
import type { ValuesPlace } from "./values-place.ts";

interface Sender {
  readonly place: ValuesPlace;
  /** The agent's. */
  readonly cache: Cache;
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
}

export class RunMail {
  readonly #run: Sender;
  #sending: Map<string, (error?: string) => void> | undefined;
  #sent = 0;
  /** The publishes to its own mailboxes that have not settled, nested graphs' too. */
  #publishing: Set<Promise<void>> | undefined;

  constructor(run: Sender) {
    this.#run = run;
  }

  /** Settles when what is posted under the id is acknowledged. */
  send(post: (id: string) => void): Promise<void> {
    const id = String(this.#sent++);
    return new Promise((resolve, reject) => {
      this.#sending ??= new Map();
      this.#sending.set(id, (error) =>
        error === undefined ? resolve() : reject(new AsimovError(error, { code: "publish-failed", retryable: true })),
      );
      post(id);
    });
  }

  acknowledge(id: string, error?: string): void {
    this.#sending?.get(id)?.(error);
    this.#sending?.delete(id);
  }

  publish(mailbox: OutputMailbox, message: unknown, settle: (error?: string) => void): void {
    const publishing = this.#deliver(mailbox, message)
      .then(settle)
      .finally(() => this.#publishing?.delete(publishing));
    // Elsewhere a message is at least once in its mailbox, and what takes its time holds up no commit.
    if (typeof mailbox !== "string" || this.#run.place.own === undefined) return;
    this.#publishing ??= new Set();
    this.#publishing.add(publishing);
  }

  settling(): Promise<void> | undefined {
    const publishing = this.#publishing;
    return publishing === undefined || publishing.size === 0 ? undefined : Promise.all(publishing).then(() => {});
  }

  async #deliver(mailbox: OutputMailbox, message: unknown): Promise<string | undefined> {
    const { place, cache } = this.#run;
    try {
      await this.#run.limited(`publishing to ${shownMailbox(mailbox)}`, () =>
        typeof mailbox === "string" ? place.cache.publishToMailbox(mailbox, message) : cache.publishToMailbox(mailbox.shared, message),
      );
      return undefined;
    } catch (error) {
      return shownMessageOf(error);
    }
  }

  /** Nobody publishes any more. */
  end(): void {
    for (const settle of this.#sending?.values() ?? []) settle("the run ended before the message was published");
    this.#sending = undefined;
  }
}
