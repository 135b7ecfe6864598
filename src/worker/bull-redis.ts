/** The Redis of a queue, which is asked whether it keeps what it is given before BullMQ is: that would go on without a word to the worker. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { NO_DATABASE, refusedText, requireKeeping, requireServers, WRONG_LOGIN, withProbe } from "#contract/base/redis-server";
import { databaseOf } from "#contract/base/redis-url";
import { load } from "./bull-load.ts";
import { isClient } from "./bull-options.ts";
import { queueAway } from "./queue-away.ts";

/** Of what no moment mends. */
const REFUSED = "queue-refused";
const CODES = { old: REFUSED, evicts: REFUSED };

type Heard = (error: Error) => void;

interface Client {
  info(): Promise<string>;
  nodes?(role: "master"): Client[];
}
interface Address {
  url?: string;
  host?: string;
  port?: number;
  db?: number;
}

/** BullMQ's own waits for up to twenty seconds before it looks whether the server is back. */
export const retryStrategy = (times: number): number => Math.min(50 * 2 ** (times - 1), 1_000);

export class BullRedis {
  readonly #connection: string | object;
  readonly #hearing = new Set<Heard>();
  #asked: Promise<void> | undefined;
  #cut: (() => void) | undefined;

  constructor(connection: string | object) {
    this.#connection = connection;
  }

  /**
   * A server that is away is waited for. Once it has answered it is not asked again.
   *
   * @param heard told what the connection meets meanwhile
   * @throws AsimovError `queue-refused`, `queue-away`, `missing-package`
   */
  async require(heard: Heard = () => {}): Promise<void> {
    this.#hearing.add(heard);
    this.#asked ??= this.#ask().catch((error: unknown) => {
      this.#asked = undefined;
      throw error;
    });
    try {
      await this.#asked;
    } finally {
      this.#hearing.delete(heard);
    }
  }

  /** Who still waits for it is refused. */
  close(): void {
    this.#cut?.();
  }

  async #ask(): Promise<void> {
    const { promise: cut, reject } = Promise.withResolvers<never>();
    cut.catch(() => {});
    this.#cut = () => reject(queueAway("The queue was closed"));
    const connection = this.#connection;
    if (!isClient(connection)) return await this.#probe(connection, cut);
    const infoOf = async (server: Client): Promise<string> => await Promise.race([server.info(), cut]);
    await requireServers("the given client", connection as Client, infoOf, CODES);
  }

  async #probe(connection: string | Address, cut: Promise<never>): Promise<void> {
    const { url: text, ...options }: Address = typeof connection === "string" ? { url: connection } : connection;
    const { Redis } = await load<typeof import("ioredis")>("ioredis");
    const { url, database } = text === undefined ? { url: undefined, database: 0 } : databaseOf(text);
    const settings = { retryStrategy, ...options, db: 0, lazyConnect: false, maxRetriesPerRequest: null };
    const made = url === undefined ? new Redis(settings) : new Redis(url, settings);
    const place = url === undefined ? `${options.host ?? "127.0.0.1"}:${options.port ?? 6379}` : new URL(url).host;
    const ask = async (probe: typeof made): Promise<void> => {
      requireKeeping(place, await probe.info(), CODES);
      await probe.select(database || (options.db ?? 0));
    };
    try {
      await withProbe(made, this.#note, (probe) => Promise.race([ask(probe), cut]));
    } catch (error) {
      throw failure(place, error);
    }
  }

  readonly #note = (error: Error): void => {
    // Whoever asks is told in so many words.
    if (refusalOf(error) !== undefined) return;
    for (const heard of this.#hearing) heard(error);
  };
}

const refusalOf = (error: unknown) => [NO_DATABASE, WRONG_LOGIN].find(({ reply }) => reply.test(messageOf(error)));

function failure(place: string, error: unknown): AsimovError {
  if (error instanceof AsimovError) return error;
  const reply = messageOf(error);
  const refusal = refusalOf(error);
  if (refusal !== undefined) return new AsimovError(refusedText(place, refusal, reply), { code: REFUSED });
  // Without the error of ioredis, which may hold the password.
  return queueAway(`The queue refused: ${reply}`);
}
