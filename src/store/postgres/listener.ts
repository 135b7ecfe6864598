/**
 * A connection that hears what is notified, and makes sure that it does: what nobody answers any more says nothing by itself, and a pool between, such as
 * PgBouncer in transaction mode, passes on what is notified to whoever happens to speak. So of a connection that is not the server's own it says now and
 * then that it is lost: whoever listens looks at everything.
 */
import type { Clock } from "#contract/base/services";
import type { PostgresClient } from "./options.ts";
import { type Statement, statement } from "./statement.ts";

/** How often it says something to itself, and how soon it has to hear that. */
const BEAT_MS = 5_000;
const BEAT_LIMIT_MS = 4_000;

const PROCESS = statement({
  name: "ask who answers",
  gives: "the number of the server's process",
  sql: "select pg_backend_pid() as pid",
});
const listenTo = (...channels: string[]): Statement =>
  statement({ name: "listen", gives: "nothing", sql: channels.map((channel) => `listen ${channel}`).join("; ") });
const beatOf = (channel: string): Statement => statement({ name: "beat", gives: "nothing", sql: `notify ${channel}` });

export interface ListenerOptions {
  client: PostgresClient;
  clock: Clock;
  /** A statement on the client. */
  send(statement: Statement, limitMs: number): Promise<{ rows: unknown[] }>;
  hear(payload: string): void;
  /** Once, where it can hear no more. */
  lost(): void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #channel: string;
  /** Of its own: nobody else is told of a beat. */
  readonly #own: string;
  #timer: unknown;
  #hasHeard = false;
  #isOver = false;

  /** @param id unlike that of any other, as a part of the name of a channel */
  constructor(channel: string, id: string, options: ListenerOptions) {
    this.#channel = channel;
    this.#own = `beat_${id}`;
    this.#options = options;
    const { client } = options;
    client.on("notification", this.#told);
    client.on("error", this.#gone);
    client.on("end", this.#gone);
  }

  async start(limitMs: number): Promise<void> {
    const { send, client, clock } = this.#options;
    const { rows } = await send(PROCESS, limitMs);
    const isDirect = client.processID == null || client.processID === (rows as { pid: number }[])[0]?.pid;
    if (isDirect) await send(listenTo(this.#channel, this.#own), limitMs);
    if (this.#isOver) return;
    if (isDirect) this.#beatLater();
    else this.#timer = clock.setTimeout(this.#gone, BEAT_MS);
  }

  /** The client is closed: what it listens to would be heard by whoever gets it next. */
  readonly end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    const { client, clock } = this.#options;
    clock.clearTimeout(this.#timer);
    client.removeListener("notification", this.#told);
    client.release(true);
  };

  readonly #told = ({ channel, payload = "" }: { channel: string; payload?: string | undefined }): void => {
    if (channel === this.#own) this.#hasHeard = true;
    else this.#options.hear(payload);
  };

  readonly #gone = (): void => {
    if (this.#isOver) return;
    this.end();
    this.#options.lost();
  };

  #beatLater(): void {
    this.#timer = this.#options.clock.setTimeout(() => void this.#beat(), BEAT_MS);
  }

  async #beat(): Promise<void> {
    this.#hasHeard = false;
    await this.#options.send(beatOf(this.#own), BEAT_LIMIT_MS).catch(() => {});
    if (this.#isOver) return;
    // Who is told of what a transaction of its own notified is told before that is over; a pool between may have given it to others.
    if (this.#hasHeard) this.#beatLater();
    else this.#gone();
  }
}
