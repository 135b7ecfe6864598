/**
 * A run's questions: a file for each time that one is put, named by its id. Which of them are open, the run's step says, and which it has
 * closed; a mark beside a file says so from the next step on.
 */
import { asimovErrorOf } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import {
  closedByEnd,
  type NewQuestion,
  type QuestionChanges,
  type QuestionClosed,
  questionId,
  type StoredQuestion,
} from "#contract/store/stored-question";
import { checkedText, damaged, readChecked, type SealedJson, sealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { present } from "./host.ts";
import { idOf, placeOf, uniqueFile } from "./id-files.ts";
import type { ClosedFile, Step } from "./run-log.ts";

const QUESTIONS = "questions";

/** As a step has them. */
export type AskedFiles = Required<Pick<Step, "questions" | "closed">>;

type QuestionJson = Omit<NewQuestion, "body"> & { body: SealedJson };

export class Questions {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, taskFolder: string) {
    this.#disk = disk;
    this.#folder = disk.host.path.join(taskFolder, QUESTIONS);
  }

  /** Before the step that asks and closes them: until then they count as the step before says. */
  async write(before: AskedFiles, { put, close }: QuestionChanges, at: number): Promise<AskedFiles> {
    const open = new Map(before.questions.map((file) => [placeOf(file), file]));
    const closed = [...before.closed];
    for (const question of put) {
      const id = idOf(this.#disk, question.id);
      if (this.isClosed(before, question.id)) continue;
      await this.#disk.makeFolder(this.#folder);
      const file = uniqueFile(id);
      await this.#disk.publish(this.#path(file, "json"), checkedText(this.#disk.host, question));
      open.set(id, file);
    }
    for (const { id, message, ...why } of close) {
      const place = idOf(this.#disk, id);
      const file = open.get(place);
      if (file === undefined) continue;
      open.delete(place);
      closed.push({ file, ...why, at, ...(message === undefined ? {} : { message: sealedJson(this.#disk.host, message) }) });
    }
    return { questions: [...open.values()], closed };
  }

  /** With the end of the run. */
  closeAll({ questions, closed }: AskedFiles, run: StoredRun): AskedFiles {
    return { questions: [], closed: [...closed, ...questions.map((file) => ({ file, ...closedByEnd(run) }))] };
  }

  /** Before the step that follows on the one that closed them. */
  async mark(closed: readonly ClosedFile[]): Promise<void> {
    for (const each of closed) await this.#disk.publish(this.#path(placeOf(each.file), "closed"), checkedText(this.#disk.host, each));
  }

  /** Whether there is such a question, and it is closed. */
  isClosed(step: Pick<Step, "closed" | "questions">, id: string): boolean {
    return this.#closed(step, idOf(this.#disk, id)) !== undefined;
  }

  /** Files of which no step speaks. */
  forget(files: readonly string[]): void {
    for (const file of files) this.#disk.forget(this.#path(file, "json"));
  }

  /** Those that are open. One that is damaged is there, and cannot be opened. */
  open({ questions, run }: Step): StoredQuestion[] {
    return questions.map((file) => {
      try {
        return this.#read(file, null, run);
      } catch (error) {
        if (asimovErrorOf(error)?.code !== "snapshot-damaged") throw error;
        const { taskId, agent } = run;
        return { id: questionId(taskId, file), askedAt: 0, deadline: null, to: null, body: "", taskId, agent, closed: null };
      }
    });
  }

  find(step: Step, id: string): StoredQuestion | undefined {
    const place = idOf(this.#disk, id);
    const open = step.questions.find((file) => placeOf(file) === place);
    if (open !== undefined) return this.#read(open, null, step.run);
    const closed = this.#closed(step, place);
    if (closed === undefined) return undefined;
    const { file, message, ...how } = closed;
    const said = message === undefined ? {} : { message: sealedOf(this.#disk.host, message) };
    return this.#read(file, { ...how, ...said }, step.run);
  }

  #read(file: string, closed: QuestionClosed | null, { taskId, agent }: StoredRun): StoredQuestion {
    const { host } = this.#disk;
    const path = this.#path(file, "json");
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) throw damaged(path, "expected a question, found no such file");
    return readChecked(host, path, bytes, ({ id, askedAt, deadline, to, body }: QuestionJson) => {
      if (idOf(this.#disk, id) !== placeOf(file))
        throw damaged(path, `expected the question of this name, found question ${JSON.stringify(id)}`);
      return { id, askedAt, deadline, to, body: sealedOf(host, body), taskId, agent, closed };
    });
  }

  #closed({ closed = [], questions }: Pick<Step, "closed" | "questions">, place: string): ClosedFile | undefined {
    const now = closed.find(({ file }) => placeOf(file) === place);
    if (now !== undefined || questions.some((file) => placeOf(file) === place)) return now;
    const { host } = this.#disk;
    const path = this.#path(place, "closed");
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) return undefined;
    return readChecked(host, path, bytes, ({ file, why, at, by, message }: ClosedFile) => {
      if (placeOf(file) !== place) throw damaged(path, `expected how the question of this name ended, found that of ${file}`);
      return { file, why, at, ...(by === undefined ? {} : { by }), ...(message === undefined ? {} : { message }) };
    });
  }

  #path(file: string, kind: "json" | "closed"): string {
    return this.#disk.host.path.join(this.#folder, `${file}.${kind}`);
  }
}
