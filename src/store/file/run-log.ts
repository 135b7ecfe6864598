/**
 * The steps of a run, a file each: the file of a step is made whole and under a number that nobody else can take, so that of two who
 * step at once one sees that the other was faster. The newest is the run as it stands; there is no lock that a dead process could keep.
 */
import type { StoredEvent } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { QuestionClosed } from "#contract/store/stored-question";
import type { ChainState } from "./chain.ts";
import { checkedText, damaged, readChecked, type SealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { errorCode, present } from "./host.ts";

/** A message that no commit has consumed; its file is named by its id, see `id-files.ts`. */
export interface Pending {
  n: number;
  file: string;
  at: number;
}

/** A question that is closed, by the file that holds it. */
export interface ClosedFile extends Omit<QuestionClosed, "message"> {
  file: string;
  message?: SealedJson;
}

export interface Step {
  number: number;
  run: StoredRun;
  chain: ChainState;
  /** The newest generation's folder may still bear its temporary name. */
  folder: { temporary: string; name: string } | null;
  inbox: readonly Pending[];
  /** The step that left the run with an end that is still to be told; see `UntoldMarks`. */
  untoldBy?: number;
  /** The files of those that are open. */
  questions: readonly string[];
  /** Those that this step has closed. */
  closed?: readonly ClosedFile[];
  /** Those of this step. */
  events: readonly StoredEvent[];
}

/** Unlike that of any other run of the same id, so that whoever still knows a removed run cannot step on its successor. */
const LOG = /^run-[0-9a-f-]{36}$/;

const numberOf = (name: string): number => Number(/^(\d{1,15})\.json$/.exec(name)?.[1] ?? 0);

export const logName = (id: string): string => `run-${id}`;

export const stepText = (disk: Disk, { events, ...step }: Step): string => checkedText(disk.host, { ...step, events });

interface StepJson extends Omit<Step, "run" | "events"> {
  run: Omit<StoredRun, "info"> & { info: SealedJson };
  events: { seq: number; at: number; body: SealedJson }[];
}

export class RunLog {
  readonly folder: string;
  readonly #disk: Disk;
  readonly #isOwn: (taskId: string) => boolean;

  /** @param isOwn whether the run of this id belongs here */
  constructor(disk: Disk, folder: string, isOwn: (taskId: string) => boolean) {
    this.#disk = disk;
    this.folder = folder;
    this.#isOwn = isOwn;
  }

  /** That of a task's folder, if there is one. */
  static in(disk: Disk, taskFolder: string, isOwn: (taskId: string) => boolean): RunLog | undefined {
    const name = present(taskFolder, () => disk.host.fs.readdirSync(taskFolder))?.find((each) => LOG.test(each));
    return name === undefined ? undefined : new RunLog(disk, disk.host.path.join(taskFolder, name), isOwn);
  }

  /** Unlike that of any other run. */
  get name(): string {
    return this.#disk.host.path.basename(this.folder);
  }

  /** Undefined when the run was removed. @param known what was read before: given back when it is the newest still */
  newest(known?: Step): Step | undefined {
    for (;;) {
      const number = Math.max(0, ...this.numbers());
      if (number === 0) return undefined;
      if (number === known?.number) return known;
      const step = this.read(number);
      if (step !== undefined) return step;
    }
  }

  numbers(): number[] {
    const names = present(this.folder, () => this.#disk.host.fs.readdirSync(this.folder)) ?? [];
    return names.map(numberOf).filter((number) => number > 0);
  }

  /** Undefined when it is not there (any more). @throws SnapshotError `snapshot-damaged` */
  read(number: number): Step | undefined {
    const { host } = this.#disk;
    const path = this.pathOf(number);
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) return undefined;
    return readChecked(host, path, bytes, ({ run, events, ...step }: StepJson) => {
      if (step.number !== number || !this.#isOwn(run.taskId)) {
        throw damaged(path, `expected step ${number} of this folder's task, found step ${step.number} of task "${run.taskId}"`);
      }
      return {
        ...step,
        run: { ...run, info: sealedOf(host, run.info) },
        events: events.map((event) => ({ ...event, body: sealedOf(host, event.body) })),
      };
    });
  }

  /** False where another step has this number, or the run was removed. */
  async append(step: Step): Promise<boolean> {
    try {
      return await this.#disk.publish(this.pathOf(step.number), stepText(this.#disk, step));
    } catch (error) {
      if (errorCode(error) === "ENOENT" && !this.#disk.host.fs.existsSync(this.folder)) return false;
      throw error;
    }
  }

  pathOf(number: number): string {
    return this.#disk.host.path.join(this.folder, `${number}.json`);
  }
}
