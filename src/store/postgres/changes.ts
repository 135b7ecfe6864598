/**
 * What is done to runs is told on a channel of the schema, after the transaction that did it: one that notifies holds a lock of the whole
 * server until it is on the disk, so that all commits would wait for each other.
 */
import { systemClock } from "#contract/base/services";
import { digestOf } from "#contract/store/digest";
import { ToldChanges } from "#store/told-changes";
import type { Server } from "./server.ts";
import { statement } from "./statement.ts";

export interface Changed {
  taskId: string;
  isCommit: boolean;
}

/** PostgreSQL takes 8,000 bytes. */
const MOST_BYTES = 7_900;
const MOST_AT_ONCE = 1_000;
const FLUSH_MS = 1_000;
const NOTIFY = statement({
  name: "tell of changes",
  gives: "a row for each, of no use",
  sql: "select pg_notify($1, told) from unnest($2::text[]) as t (told)",
});

export class Changes {
  readonly #channel: string;
  readonly #server: Server;
  readonly #told: ToldChanges;
  readonly #untold = new Set<string>();
  /** In their order; a connection that is away loses them. */
  #unsaid: string[] = [];
  #telling: Promise<void> | undefined;

  /** @param id what is told by that store is known here */
  constructor(
    server: Server,
    id: string,
    tell: (taskId: string | null, isCommit: boolean) => void,
    say: (taskId: string, text: string) => void,
  ) {
    this.#server = server;
    this.#channel = `asimov_${digestOf(server.schema)}`;
    const hearing = {
      get isClosed() {
        return server.isClosed;
      },
      listen: (hear: (text: string) => void, lost: () => void) => server.listen(this.#channel, hear, lost),
    };
    this.#told = new ToldChanges(hearing, id, tell, say);
  }

  /** Soon; what comes while others are told goes together. */
  notify(changes: readonly Changed[]): void {
    for (const changed of changes) this.#untold.add(this.#textOf(changed));
    this.#begin();
  }

  /** What is too long for the server is not said, and neither is what comes when too much is unsaid. */
  say(taskId: string, text: string): void {
    const said = this.#told.saidOf(taskId, text);
    if (Buffer.byteLength(said) > MOST_BYTES || this.#unsaid.length >= MOST_AT_ONCE) return;
    this.#unsaid.push(said);
    this.#begin();
  }

  #begin(): void {
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
  }

  /** Settles when all is told, or cannot be soon. */
  async flush(): Promise<void> {
    if (this.#telling === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = systemClock.setTimeout(resolve, FLUSH_MS);
    await Promise.race([this.#telling, late]);
    systemClock.clearTimeout(timer);
  }

  listen(isWanted: boolean): void {
    this.#told.listen(isWanted);
  }

  async #tell(): Promise<void> {
    while (this.#untold.size + this.#unsaid.length > 0) {
      const told = [...this.#untold].slice(0, MOST_AT_ONCE);
      for (const text of told) this.#untold.delete(text);
      const said = this.#unsaid.splice(0);
      // Whoever does not hear of it looks now and then.
      await this.#server.read(NOTIFY, [this.#channel, [...told, ...said]]).catch(() => this.#untold.clear());
    }
  }

  #textOf({ taskId, isCommit }: Changed): string {
    const text = this.#told.textOf(taskId, isCommit);
    return Buffer.byteLength(text) <= MOST_BYTES ? text : this.#told.textOf(undefined, false);
  }
}
