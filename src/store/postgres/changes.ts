/** What is done to runs is told on a channel of the schema, with the transaction that did it. */
import { digestOf } from "#contract/store/digest";
import { ToldChanges } from "#store/told-changes";
import type { Server } from "./server.ts";
import type { Run } from "./statement.ts";

export interface Changed {
  taskId: string;
  isCommit: boolean;
}

/** PostgreSQL takes 8,000 bytes. */
const MOST_BYTES = 7_900;

export class Changes {
  readonly #channel: string;
  readonly #told: ToldChanges;

  /** @param id what is told by that store is known here */
  constructor(server: Server, id: string, tell: (taskId: string | null, isCommit: boolean) => void) {
    this.#channel = `asimov_${digestOf(server.schema)}`;
    const hearing = {
      get isClosed() {
        return server.isClosed;
      },
      listen: (hear: (text: string) => void, lost: () => void) => server.listen(this.#channel, hear, lost),
    };
    this.#told = new ToldChanges(hearing, id, tell);
  }

  /** With the transaction of those changes. */
  async notify(run: Run, changes: readonly Changed[]): Promise<void> {
    const told = new Set(changes.map((changed) => this.#textOf(changed)));
    await run("select pg_notify($1, told) from unnest($2::text[]) as t (told)", [this.#channel, [...told]]);
  }

  listen(isWanted: boolean): void {
    this.#told.listen(isWanted);
  }

  #textOf({ taskId, isCommit }: Changed): string {
    const text = this.#told.textOf(taskId, isCommit);
    return Buffer.byteLength(text) <= MOST_BYTES ? text : this.#told.textOf(undefined, false);
  }
}
