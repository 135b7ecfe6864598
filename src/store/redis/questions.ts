/** Questions of a run, and the open ones of all. */
import { SnapshotError } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import {
  compareQuestions,
  isAskedFor,
  type NewQuestion,
  type QuestionQuery,
  type StoredQuestion,
  taskOfQuestion,
} from "#contract/store/stored-question";
import type { Connection } from "./connection.ts";
import { type Keys, lists } from "./keys.ts";
import type { ClosedHead } from "./plan.ts";
import { listedRun } from "./rows.ts";
import { type Place, parseHeaded } from "./sealed.ts";
import { Walk } from "./walk.ts";

const PAGE = 100;

export class Questions {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #isThere: (run: StoredRun) => boolean;

  /** @param isThere whether a run is kept still */
  constructor(connection: Connection, keys: Keys, isThere: (run: StoredRun) => boolean) {
    this.#connection = connection;
    this.#keys = keys;
    this.#isThere = isThere;
  }

  async list(query: QuestionQuery): Promise<StoredQuestion[]> {
    if (query.id !== undefined) return await this.#read([query.id], query);
    if (query.taskId !== undefined) {
      const ids = (await this.#connection.call("hkeys", this.#keys.ofRun(query.taskId).questions)) as Buffer[];
      const found = await this.#read(ids.map(String), query);
      return found.sort(compareQuestions).slice(0, query.limit);
    }
    return await this.#walk(query);
  }

  async #walk(query: QuestionQuery): Promise<StoredQuestion[]> {
    const walk = new Walk(this.#connection, this.#keys, {
      lists: [lists.asked],
      page: PAGE,
      compare: (a, b) => compareQuestions({ askedAt: a.score, id: a.id }, { askedAt: b.score, id: b.id }),
      ...(query.after === undefined ? {} : { least: query.after.askedAt }),
    });
    const found: StoredQuestion[] = [];
    while (found.length < query.limit) {
      const entries = await walk.next(PAGE);
      if (entries.length === 0) break;
      found.push(
        ...(await this.#read(
          entries.map(({ id }) => id),
          query,
        )),
      );
    }
    return found.slice(0, query.limit);
  }

  async #read(ids: readonly string[], query: QuestionQuery): Promise<StoredQuestion[]> {
    // One of many is told to whoever asks for it, or for its run.
    const isOfMany = query.id === undefined && query.taskId === undefined;
    const found = await Promise.all(
      ids.map((id) =>
        this.#one(id).catch((error: unknown) => {
          if (!isOfMany || !(error instanceof SnapshotError)) throw error;
          return undefined;
        }),
      ),
    );
    return found.filter((question) => question !== undefined).filter((question) => isAskedFor(question, query));
  }

  async #one(id: string): Promise<StoredQuestion | undefined> {
    const taskId = taskOfQuestion(id);
    if (taskId === undefined) return undefined;
    const { questions, closed } = this.#keys.ofRun(taskId);
    const [run, asked, end] = await Promise.all([
      listedRun(this.#connection, this.#keys, taskId),
      this.#connection.call("hget", questions, id) as Promise<Buffer | null>,
      this.#connection.call("hget", closed, id) as Promise<Buffer | null>,
    ]);
    if (run === undefined || run === "damaged" || asked === null || !this.#isThere(run)) return undefined;
    const place = { taskId, what: `Question ${JSON.stringify(id)}` };
    const { head, sealed: body } = parseHeaded<Omit<NewQuestion, "body">>(asked, place);
    return { ...head, body, taskId, agent: run.agent, closed: end === null ? null : closedOf(end, place) };
  }
}

function closedOf(end: Buffer, place: Place): StoredQuestion["closed"] {
  const { head, sealed } = parseHeaded<ClosedHead>(end, place);
  const { hasMessage, ...closed } = head;
  return hasMessage === true ? { ...closed, message: sealed } : closed;
}
