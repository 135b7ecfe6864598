/** Rows of the library's own that no look has mended: left alone for a while, or until they change, and told of once for each thing that is wrong with them. */
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";

/** Milliseconds for which one is left alone in any case: that it was looked at is a change of the store, which would have it looked at again at once. */
const AGAIN_MS = 5_000;
/** Those that are remembered: beyond these the oldest may be told of once more. */
const MOST = 1_000;

interface Aside {
  generation: number | undefined;
  until: number;
  isFinal: boolean;
  message: string;
}

export class SetAside {
  readonly #rows = new Map<string, Aside>();

  has({ taskId, generation }: StoredRun, now: number): boolean {
    const aside = this.#rows.get(taskId);
    return aside !== undefined && (aside.until > now || (aside.isFinal && aside.generation === generation));
  }

  /** Whether somebody is to be told. @param row as it was looked at, where that is known */
  put(error: unknown, taskId: string, row: StoredRun | undefined, now: number): boolean {
    const message = messageOf(error);
    const isNews = this.#rows.get(taskId)?.message !== message;
    const isFinal = asimovErrorOf(error)?.retryable !== true;
    this.#rows.delete(taskId);
    this.#rows.set(taskId, { generation: row?.generation, until: now + AGAIN_MS, isFinal, message });
    const [oldest] = this.#rows.keys();
    if (this.#rows.size > MOST && oldest !== undefined) this.#rows.delete(oldest);
    return isNews;
  }
}
