/** Runs as folders of JSON files that a person can read; every file and folder appears whole, or not at all. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { clockSchema, parseOptions, pathText } from "#contract/base/options";
import { type Clock, systemClock, systemServices } from "#contract/base/services";
import { Turns } from "#contract/base/turns";
import { requireCount } from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { copyRun } from "#contract/store/run-copy";
import { type RunStoreOptions, runStoreShape, settingsOf } from "#contract/store/run-options";
import { compareRuns, isFound, orderOf } from "#contract/store/run-order";
import type { StoredRun } from "#contract/store/run-record";
import { isOwned } from "#contract/store/run-status";
import { closed } from "#contract/store/store-errors";
import { compareQuestions, isAskedFor, type QuestionQuery, type StoredQuestion, taskOfQuestion } from "#contract/store/stored-question";
import { SharedStore } from "#store/shared-store";
import type { Decide, Wanted } from "#store/stepped-store";
import { Talk } from "#store/talk";
import { ChangesFile } from "./changes-file.ts";
import { Disk } from "./disk.ts";
import { errorCode, type Host, openHost, present, readFailed, requireNoFile, writeFailed } from "./host.ts";
import { generationOf, taskFolderName } from "./names.ts";
import type { Step } from "./run-log.ts";
import { TaskFolder } from "./task-folder.ts";
import { UntoldMarks } from "./untold.ts";

export interface FileStoreOptions extends RunStoreOptions {
  /** The folder of all tasks; made when it is not there. Default `$ASIMOV_SNAPSHOT`, else `asimov_snapshot` in the system's temporary folder. */
  dir?: string;
  /** Whether a step waits until the disk holds it, so that it outlives a loss of power. Default true. */
  fsync?: boolean;
  /** By which leases and moments are judged; the same for all processes that use the folder. Default the system's. */
  clock?: Clock;
}

const schema = lazily(() =>
  z.strictObject({ ...runStoreShape(), dir: z.optional(pathText), fsync: z.optional(z.boolean()), clock: z.optional(clockSchema) }),
);

/** Tasks that are remembered; another one is read again. */
const REMEMBERED_TASKS = 1_000;
const SWEEP_EACH = 100;

interface Place {
  host: Host;
  disk: Disk;
  dir: string;
  changes: ChangesFile;
  talk: Talk;
}

interface Task {
  folder: TaskFolder;
  /** Settles, without an error, when the last step that was asked for has ended. */
  turn: Promise<unknown>;
}

/**
 * A run store in the file system, for the processes of one host: `DIR/TASK_ID/GENERATION_NODES/` with the parts that changed in
 * `agent.json`, `cache.json` and `task.json`, and a `manifest.json`. Folders have mode 0700, files 0600. There is no lock: of two who
 * step at once, one sees that the other was faster, and decides again.
 *
 * @throws AsimovError `invalid-options`, `store-unavailable` where its path is a file; SnapshotError `snapshot-write-failed`, `snapshot-read-failed`, `snapshot-damaged` or
 *   `snapshot-format`, naming the file
 * @example
 * const store = new FileStore({ dir: "/var/lib/agent", keep: 20 });
 */
export class FileStore extends SharedStore {
  readonly #options: z.infer<ReturnType<typeof schema>>;
  readonly #clock: Clock;
  readonly #tasks = new Map<string, Task>();
  readonly #turns = new Turns();
  #endWatch: () => void = () => {};
  #place: Place | undefined;
  #isClosed = false;
  /** It has held a run while this store was open. */
  #wasThere = false;
  #creations = 0;

  constructor(options: FileStoreOptions = {}) {
    const parsed = parseOptions(schema(), options, "FileStore options");
    super(settingsOf(parsed));
    this.#options = parsed;
    this.#clock = parsed.clock ?? systemClock;
  }

  protected async step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    return await this.#inTurn(taskId, ({ folder }) => this.#decide(folder, taskId, wanted, decide));
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    return await this.#with(taskId, undefined, (_, { run }) => copyRun(run));
  }

  async load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    const { keep } = this.settings;
    return await this.#with(taskId, undefined, (folder, step) => folder.load(step, generation, keep));
  }

  /** The folder of a task, or of one of its generations. */
  override async locate(place: string): Promise<(Pick<port.SnapshotRef, "taskId"> & Partial<port.SnapshotRef>) | undefined> {
    const { host, dir, disk } = this.#open();
    const path = host.path.resolve(place);
    const above = host.path.dirname(path);
    const generation = above === dir ? undefined : generationOf(host.path.basename(path));
    const folder = generation === undefined ? path : above;
    if (host.path.dirname(folder) !== dir || folder === dir) return undefined;
    const isOwn = (taskId: string): boolean => this.#folderName(host, taskId) === host.path.basename(folder);
    const taskId = new TaskFolder(disk, folder, "", isOwn).newest()?.run.taskId;
    if (taskId === undefined) return undefined;
    return generation === undefined ? { taskId } : { taskId, generation };
  }

  async generations(taskId: string, { before = Number.POSITIVE_INFINITY, limit }: { before?: number; limit: number }) {
    requireCount(limit, "limit", 1);
    const { keep } = this.settings;
    return await this.#with<port.GenerationEntry[]>(taskId, [], (folder, step) => folder.generations(step, before, limit, keep));
  }

  async inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    return await this.#with<port.StoredMessage[]>(taskId, [], (folder, step) => folder.messages(step, after));
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    requireCount(limit, "limit", 1);
    const { keepEvents } = this.settings;
    this.#open().talk.look();
    return await this.#with<port.StoredEvent[]>(taskId, [], (folder, { run }) => {
      const first = Math.max(from, run.lastSeq - keepEvents + 1);
      return folder
        .events()
        .filter(({ seq }) => seq >= first)
        .slice(0, limit);
    });
  }

  async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    requireCount(query.limit, "limit", 1);
    const { id, taskId } = query;
    const task = taskId ?? (id === undefined ? undefined : taskOfQuestion(id));
    const tasks =
      task === undefined ? (await this.#all(this.#time(), ({ questions }) => questions.length > 0)).map((run) => run.taskId) : [task];
    const found: StoredQuestion[] = [];
    for (const each of tasks) found.push(...(await this.#with<StoredQuestion[]>(each, [], (folder, step) => folder.asked(step, id))));
    return found
      .filter((question) => isAskedFor(question, query))
      .sort(compareQuestions)
      .slice(0, query.limit);
  }

  async find(query: port.FindQuery): Promise<StoredRun[]> {
    requireCount(query.limit, "limit", 1);
    const now = this.#time();
    const runs = query.untold === true ? await this.#untold(now) : await this.#all(now);
    return runs
      .filter((run) => isFound(run, query, now))
      .sort(orderOf(query))
      .slice(0, query.limit)
      .map(copyRun);
  }

  async remove(taskId: string): Promise<boolean> {
    return await this.#take(taskId, () => true);
  }

  async prune({ endedBefore = Number.POSITIVE_INFINITY, keep = 0 }: port.PruneQuery): Promise<number> {
    const now = this.#time();
    await this.#sweep(now);
    const ended = (await this.#all(now)).flatMap((run) => (run.endedAt === null ? [] : [{ run, endedAt: run.endedAt }]));
    ended.sort((a, b) => b.endedAt - a.endedAt || compareRuns(a.run, b.run));
    const goes = (run: StoredRun): boolean => run.endedAt !== null && run.endedAt < endedBefore && !isOwned(run, now);
    let removed = 0;
    for (const { run } of ended.slice(keep)) if (goes(run) && (await this.#take(run.taskId, goes))) removed++;
    return removed;
  }

  async now(): Promise<number> {
    return this.#time();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.listeners.clear();
    this.#place?.talk.close();
    await Promise.all([...this.#tasks.values()].map(({ turn }) => turn));
    this.#tasks.clear();
  }

  async #decide<T>(folder: TaskFolder, taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    const { dir, changes } = this.#open();
    for (;;) {
      const step = this.#newest(folder);
      const { answer, change } = decide(folder.seen(step, wanted), this.#time());
      if (change === undefined) return answer;
      try {
        if (change.isNew === true || step === undefined) {
          if (step !== undefined && !(await folder.remove(dir))) continue;
          if (!(await folder.create(change, dir))) continue;
          if (++this.#creations % SWEEP_EACH === 0) await this.#sweep(this.#time());
        } else if (!(await folder.append(step, change, this.settings))) continue;
      } catch (error) {
        throw writeFailed(taskId, folder.path, error);
      }
      changes.touch();
      this.listeners.tell(taskId, change.taken !== undefined && change.isNew !== true);
      return answer;
    }
  }

  /** Where all of the store is away its runs were not removed. @throws SnapshotError `snapshot-read-failed` */
  #newest(folder: TaskFolder): Step | undefined {
    const { host, dir } = this.#open();
    const step = folder.newest();
    if (step === undefined) {
      requireNoFile(host, dir);
      if (this.#wasThere && !host.fs.existsSync(dir)) throw readFailed(dir, new Error("the folder was there, and is away"));
    } else this.#wasThere = true;
    return step;
  }

  /** After the steps that were asked for before; again when the run was stepped on or removed while it was read. */
  async #with<T>(taskId: string, absent: T, use: (folder: TaskFolder, step: Step) => T | Promise<T>): Promise<T | typeof absent> {
    this.requireOpen();
    return await this.#inTurn(taskId, async ({ folder }) => {
      for (;;) {
        const step = this.#newest(folder);
        if (step === undefined || this.isPast(step.run, this.#time())) return absent;
        try {
          return await use(folder, step);
        } catch (error) {
          if (errorCode(error) !== "snapshot-damaged" || folder.newest() === step) throw error;
        }
      }
    });
  }

  async #take(taskId: string, goes: (run: StoredRun) => boolean): Promise<boolean> {
    const { dir, changes } = this.#open();
    return await this.#inTurn(taskId, async ({ folder }) => {
      const step = folder.newest();
      if (step === undefined || !goes(step.run)) return false;
      const isPast = this.isPast(step.run, this.#time());
      try {
        if (!(await folder.remove(dir))) return false;
      } catch (error) {
        throw writeFailed(taskId, folder.path, error);
      }
      changes.touch();
      this.listeners.tell(taskId);
      return !isPast;
    });
  }

  /** Every run that can be read; one that cannot is told of where it is asked for. */
  async #all(now: number, wants: (step: Step) => boolean = () => true): Promise<StoredRun[]> {
    const runs: StoredRun[] = [];
    for (const name of this.#names()) {
      await this.#turns.pause();
      const step = this.#readable(name, (folder) => folder.newest());
      if (step !== undefined && !this.isPast(step.run, now) && wants(step)) runs.push(step.run);
    }
    return runs;
  }

  /** Of those, the ones whose end is still to be told. */
  async #untold(now: number): Promise<StoredRun[]> {
    const { dir, disk } = this.#open();
    const runs: StoredRun[] = [];
    for (const mark of new UntoldMarks(disk, dir).all()) {
      await this.#turns.pause();
      const run = this.#readable(mark.task, (folder) => folder.untold(mark));
      if (run !== undefined && !this.isPast(run, now)) runs.push(run);
    }
    return runs;
  }

  /** The names of the tasks' folders. @throws AsimovError `store-unavailable` */
  #names(): string[] {
    const { host, dir } = this.#open();
    const names = present(dir, () => host.fs.readdirSync(dir));
    if (names === undefined) requireNoFile(host, dir);
    return names?.filter((name) => !name.startsWith(".")) ?? [];
  }

  #folderOf(name: string): TaskFolder {
    const { host, dir, disk } = this.#open();
    return new TaskFolder(disk, host.path.join(dir, name), "", (taskId) => this.#folderName(host, taskId) === name);
  }

  #readable<T>(name: string, read: (folder: TaskFolder) => T): T | undefined {
    try {
      return read(this.#folderOf(name));
    } catch (error) {
      if (!["snapshot-damaged", "snapshot-format", "snapshot-read-failed"].includes(errorCode(error) ?? "")) throw error;
      return undefined;
    }
  }

  async #sweep(now: number): Promise<void> {
    if (this.settings.retainMs === Number.POSITIVE_INFINITY) return;
    const { dir } = this.#open();
    for (const name of this.#names()) {
      await this.#turns.pause();
      const folder = this.#folderOf(name);
      try {
        const run = folder.newest()?.run;
        if (run !== undefined && this.isPast(run, now)) await folder.remove(dir);
      } catch {}
    }
  }

  protected requireOpen(): void {
    if (this.#isClosed) throw closed("FileStore");
  }

  protected sayToOthers(taskId: string, text: string): void {
    if (!this.#isClosed) this.#open().talk.say(taskId, text);
  }

  protected override hearOthers(): () => void {
    return this.#open().talk.hear();
  }

  #time(): number {
    this.requireOpen();
    return Math.floor(this.#clock.now());
  }

  #open(): Place {
    this.requireOpen();
    if (this.#place !== undefined) return this.#place;
    const host = openHost();
    const dir = host.path.resolve(this.#options.dir ?? (host.env.ASIMOV_SNAPSHOT || host.path.join(host.os.tmpdir(), "asimov_snapshot")));
    const talk = new Talk(host.fs, host.path.join(dir, ".talk"), systemServices.ids(), (taskId, text) => this.heard(taskId, text));
    this.#place = { host, dir, disk: new Disk(host, this.#options.fsync ?? true), changes: new ChangesFile(host, dir), talk };
    return this.#place;
  }

  #folderName({ crypto }: Host, taskId: string): string {
    return taskFolderName(taskId, (text) => crypto.hash("sha256", text, "hex"));
  }

  async #inTurn<T>(taskId: string, work: (task: Task) => Promise<T>): Promise<T> {
    const task = this.#task(taskId);
    const done = task.turn.then(() => work(task));
    task.turn = done.catch(() => undefined);
    return await done;
  }

  #task(taskId: string): Task {
    const { host, dir, disk } = this.#open();
    const known = this.#tasks.get(taskId);
    if (known !== undefined) return known;
    const path = host.path.join(dir, this.#folderName(host, taskId));
    const task: Task = { folder: new TaskFolder(disk, path, taskId, (id) => id === taskId), turn: Promise.resolve() };
    this.#tasks.set(taskId, task);
    const [oldest] = this.#tasks.keys();
    if (this.#tasks.size > REMEMBERED_TASKS && oldest !== undefined) this.#tasks.delete(oldest);
    return task;
  }

  protected watch(isListening: boolean): void {
    this.#endWatch();
    this.#endWatch = isListening ? this.#open().changes.watch(() => this.listeners.tell(null)) : () => {};
  }
}

brand(FileStore, "FileStore");
