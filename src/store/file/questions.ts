/** A run's questions: a file each, named by its id, and a mark beside it when it is closed. Which are open, the run's step says. */
import type { Commit } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import { type NewQuestion, type QuestionClosed, type StoredQuestion, standing } from "#contract/store/stored-question";
import { checkedText, damaged, readChecked, type SealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { present } from "./host.ts";

const QUESTIONS = "questions";

type QuestionJson = Omit<NewQuestion, "body"> & { body: SealedJson };

export class Questions {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, taskFolder: string) {
    this.#disk = disk;
    this.#folder = disk.host.path.join(taskFolder, QUESTIONS);
  }

  fileOf(id: string): string {
    return this.#disk.host.crypto.hash("sha256", id, "hex").slice(0, 40);
  }

  /** Before the step that opens and closes them: until then they count as the step before says. @returns those that are open after it */
  async write(open: readonly string[], { put, close }: NonNullable<Commit["questions"]>, at: number): Promise<string[]> {
    if (put.length > 0 || close.length > 0) await this.#disk.makeFolder(this.#folder);
    for (const question of put) {
      const path = this.#path(this.fileOf(question.id), "json");
      await this.#disk.replace(path, checkedText(this.#disk.host, question));
    }
    for (const { id, ...closed } of close) {
      await this.#disk.replace(this.#path(this.fileOf(id), "closed"), checkedText(this.#disk.host, { id, ...closed, at }));
    }
    const gone = new Set(close.map(({ id }) => this.fileOf(id)));
    return [...new Set([...open, ...put.map(({ id }) => this.fileOf(id))])].filter((file) => !gone.has(file));
  }

  /** @param isOpen as the run's step says. Undefined where there is no such question. */
  read(file: string, isOpen: boolean, run: StoredRun): StoredQuestion | undefined {
    const { host } = this.#disk;
    const path = this.#path(file, "json");
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) {
      if (isOpen) throw damaged(path, "expected a question, found no such file");
      return undefined;
    }
    const question = readChecked(host, path, bytes, ({ id, askedAt, deadline, to, body }: QuestionJson): NewQuestion => {
      if (this.fileOf(id) !== file) throw damaged(path, `expected the question of this name, found question ${JSON.stringify(id)}`);
      return { id, askedAt, deadline, to, body: sealedOf(host, body) };
    });
    const closed = isOpen ? null : this.#closed(file, run.updatedAt);
    return standing({ ...question, closed }, run);
  }

  #closed(file: string, at: number): QuestionClosed {
    const { host } = this.#disk;
    const path = this.#path(file, "closed");
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) return { why: "superseded", at };
    return readChecked(host, path, bytes, ({ why, at: moment, by }: QuestionClosed) => ({
      why,
      at: moment,
      ...(by === undefined ? {} : { by }),
    }));
  }

  #path(file: string, kind: "json" | "closed"): string {
    return this.#disk.host.path.join(this.#folder, `${file}.${kind}`);
  }
}
