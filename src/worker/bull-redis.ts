/** The Redis of a queue, which is asked whether it keeps what it is given before BullMQ is: that would go on without a word to the worker. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { NO_DATABASE, refusedText, requireKeeping, withProbe } from "#contract/base/redis-server";
import { databaseOf } from "#contract/base/redis-url";
import { queueAway } from "./queue-away.ts";

/** Of what no moment mends. */
const REFUSED = "queue-refused";

type Heard = (error: Error) => void;
type Load = <T>(name: string) => Promise<T>;

interface Client {
  info(): Promise<string>;
  duplicate(): unknown;
}
interface Address {
  url?: string;
  host?: string;
  port?: number;
  db?: number;
}

/** BullMQ's own waits for up to twenty seconds before it looks whether the server is back. */
export const retryStrategy = (times: number): number => Math.min(50 * 2 ** (times - 1), 1_000);

export const isClient = (connection: string | object): connection is Client =>
  typeof (connection as Partial<Client>).duplicate === "function";

export class BullRedis {
  readonly #connection: string | object;
  readonly #load: Load;
  readonly #hearing = new Set<Heard>();
  #asked: Promise<void> | undefined;
  #cut: (() => void) | undefined;

  constructor(connection: string | object, load: Load) {
    this.#connection = connection;
    this.#load = load;
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
    keeps("the given client", await Promise.race([connection.info(), cut]));
  }

  async #probe(connection: string | Address, cut: Promise<never>): Promise<void> {
    const { url: text, ...options }: Address = typeof connection === "string" ? { url: connection } : connection;
    const { Redis } = await this.#load<typeof import("ioredis")>("ioredis");
    const { url, database } = text === undefined ? { url: undefined, database: 0 } : databaseOf(text);
    const settings = { retryStrategy, ...options, db: 0, lazyConnect: false, maxRetriesPerRequest: null };
    const made = url === undefined ? new Redis(settings) : new Redis(url, settings);
    const place = url === undefined ? `${options.host ?? "127.0.0.1"}:${options.port ?? 6379}` : new URL(url).host;
    const ask = async (probe: typeof made): Promise<void> => {
      keeps(place, await probe.info());
      await probe.select(database || (options.db ?? 0));
    };
    try {
      await withProbe(made, this.#note, (probe) => Promise.race([ask(probe), cut]));
    } catch (error) {
      throw failure(place, error);
    }
  }

  readonly #note = (error: Error): void => {
    for (const heard of this.#hearing) heard(error);
  };
}

const keeps = (place: string, info: string): void => requireKeeping(place, info, { old: REFUSED, evicts: REFUSED });

function failure(place: string, error: unknown): AsimovError {
  if (error instanceof AsimovError) return error;
  const reply = messageOf(error);
  if (NO_DATABASE.reply.test(reply)) return new AsimovError(refusedText(place, NO_DATABASE, reply), { code: REFUSED });
  // Without the error of ioredis, which may hold the password.
  return queueAway(`The queue refused: ${reply}`);
}
