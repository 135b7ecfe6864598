/** One task's folder: `run-…/` with the steps of its run, `GENERATION_NODES/` with its parts, and `inbox/`. */
import { messageOf, SnapshotError } from "#contract/base/errors";
import { systemServices } from "#contract/base/services";
import type { GenerationEntry, StoredEvent, StoredGeneration, StoredMessage } from "#contract/store/run-commit";
import type { RunStoreSettings } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import { unmatched } from "#contract/store/store-errors";
import type { StoredQuestion } from "#contract/store/stored-question";
import type { Change, Seen, Wanted } from "#store/stepped-store";
import { Chain } from "./chain.ts";
import type { Disk } from "./disk.ts";
import { EventLog } from "./event-log.ts";
import { errorCode } from "./host.ts";
import { INBOX, Inbox } from "./inbox.ts";
import { writeGeneration } from "./manifest.ts";
import { generationFolderName, TEMPORARY } from "./names.ts";
import { type AskedFiles, Questions } from "./questions.ts";
import { logName, type Pending, RunLog, type Step, stepText } from "./run-log.ts";
import { type UntoldMark, UntoldMarks } from "./untold.ts";

const TIDY_EACH = 16;
/** What a dead writer left goes when it is this old. */
const ABANDONED_MS = 3_600_000;

const NONE_ASKED: AskedFiles = { questions: [], closed: [] };

/** The files that a step names. */
const filesOf = (step: Step | undefined): { questions: string[]; messages: string[] } => ({
  questions: [...(step?.questions ?? []), ...(step?.closed ?? []).map(({ file }) => file)],
  messages: (step?.inbox ?? []).map(({ file }) => file),
});

export class TaskFolder {
  readonly path: string;
  readonly inbox: Inbox;
  readonly questions: Questions;
  readonly #disk: Disk;
  readonly #chain: Chain;
  readonly #untold: UntoldMarks;
  readonly #isOwn: (taskId: string) => boolean;
  #log: RunLog | undefined;
  #known: Step | undefined;

  constructor(disk: Disk, path: string, taskId: string, isOwn: (taskId: string) => boolean) {
    this.#disk = disk;
    this.path = path;
    this.inbox = new Inbox(disk, path);
    this.questions = new Questions(disk, path);
    this.#chain = new Chain(disk, path, taskId);
    this.#untold = new UntoldMarks(disk, disk.host.path.dirname(path));
    this.#isOwn = isOwn;
  }

  /** The run as it stands. */
  newest(): Step | undefined {
    for (;;) {
      const log = this.#log ?? RunLog.in(this.#disk, this.path, this.#isOwn);
      const known = log === this.#log ? this.#known : undefined;
      this.#log = log;
      this.#known = log?.newest(known);
      if (this.#known !== undefined) return this.#known;
      if (log === undefined) return this.#requireNothing();
      // The run that this was the log of was removed.
      this.#log = undefined;
    }
  }

  /** The run whose end a mark says is still to be told; undefined, and without the mark, where that is over. */
  untold(mark: UntoldMark): StoredRun | undefined {
    const step = this.newest();
    if (step !== undefined && this.#log?.name === mark.log) {
      if (step.untoldBy === mark.step) return step.run;
      // It may be about to be made.
      if (step.number < mark.step) return undefined;
    }
    this.#untold.forget(mark);
    return undefined;
  }

  /** Snapshots of another format are not nothing. @throws SnapshotError `snapshot-format` */
  #requireNothing(): undefined {
    const folders = this.#chain.folders();
    for (const generation of folders.keys()) {
      try {
        this.#chain.find(generation, folders);
      } catch (error) {
        if (errorCode(error) === "snapshot-format") throw error;
      }
    }
    return undefined;
  }

  /** All at once, by the name of the folder. False where somebody was faster. */
  async create({ run, taken }: Change, dir: string): Promise<boolean> {
    if (taken === undefined) return false;
    for (const n of taken.commit.consumed) throw unmatched(run.taskId, n);
    const { fs, path } = this.#disk.host;
    await this.#disk.makeFolder(dir);
    const temporary = this.#disk.temporary(dir);
    const log = path.join(temporary, logName(systemServices.ids()));
    try {
      fs.mkdirSync(temporary, { mode: 0o700 });
      for (const folder of [log, path.join(temporary, INBOX)]) fs.mkdirSync(folder, { mode: 0o700 });
      const { chain, name } = await this.#write(temporary, { run, taken }, undefined);
      const { questions: given } = taken.commit;
      const asked = given === undefined ? NONE_ASKED : await new Questions(this.#disk, temporary).write(NONE_ASKED, given, run.updatedAt);
      fs.renameSync(path.join(temporary, name.temporary), path.join(temporary, name.name));
      const step: Step = { number: 1, run, chain, folder: null, inbox: [], ...asked, events: taken.commit.events };
      await this.#disk.writeFile(path.join(log, "1.json"), stepText(this.#disk, step));
      await this.#disk.syncFolder(log);
      await this.#disk.syncFolder(temporary);
      fs.renameSync(temporary, this.path);
      await this.#disk.syncFolder(dir);
      return true;
    } catch (error) {
      await this.#disk.forgetFolder(temporary);
      if (!["ENOTEMPTY", "EEXIST", "EPERM", "ENOTDIR"].includes(errorCode(error) ?? "") || !fs.existsSync(this.path)) throw error;
      if (RunLog.in(this.#disk, this.path, this.#isOwn) !== undefined) return false;
      throw new SnapshotError(`${this.path} holds no run: something else lies there. Move it away, or give FileStore another \`dir\`.`, {
        code: "snapshot-format",
        cause: error,
      });
    }
  }

  /** False where another step was made meanwhile. */
  async append(before: Step, change: Change, settings: RunStoreSettings): Promise<boolean> {
    const log = this.#log;
    if (log === undefined) return false;
    this.settle(before);
    const { run, taken, message, events = taken?.commit.events ?? [] } = change;
    const consumed = this.#consumed(before, taken?.commit.consumed ?? []);
    const { untoldBy, closed: closedBefore = [], ...same } = before;
    const next: Step = { ...same, number: before.number + 1, run, folder: null, events };
    if (run.untold) next.untoldBy = before.run.untold && untoldBy !== undefined ? untoldBy : next.number;
    next.inbox = before.inbox.filter((pending) => !consumed.includes(pending));
    let made = false;
    try {
      await this.questions.mark(closedBefore);
      let asked: AskedFiles = { questions: before.questions, closed: [] };
      if (taken !== undefined) {
        await this.inbox.mark(consumed);
        const { chain, name } = await this.#write(this.path, { run, taken }, before);
        Object.assign(next, { chain, folder: name });
        const { questions } = taken.commit;
        if (questions !== undefined) asked = await this.questions.write(asked, questions, run.updatedAt);
      }
      if (message?.closes !== undefined) {
        const close = [{ ...message.closes, message: message.body }];
        asked = await this.questions.write(asked, { put: [], close }, run.updatedAt);
      }
      if (run.status !== "open") asked = this.questions.closeAll(asked, run);
      Object.assign(next, asked);
      if (message !== undefined)
        next.inbox = [...next.inbox, { n: run.inbox.last, file: await this.inbox.put(message), at: run.updatedAt }];
      if (next.untoldBy === next.number) await this.#untold.put({ log: log.name, step: next.number }, this.#name);
      made = await log.append(next);
    } finally {
      if (!made) await this.#forgetUnmade(before, next, log.read(next.number));
    }
    if (!made) return false;
    const left = filesOf(next).questions;
    this.questions.forget(before.questions.filter((file) => !left.includes(file)));
    this.#known = next;
    if (untoldBy !== undefined && next.untoldBy !== untoldBy) this.#untold.forget({ log: log.name, step: untoldBy });
    await this.#tidy(log, next, consumed, taken !== undefined, settings).catch(() => undefined);
    return true;
  }

  /** What a step would have had that was not made, though its maker may not have heard that it was. */
  async #forgetUnmade(before: Step, next: Step, made: Step | undefined): Promise<void> {
    if (next.folder !== null && made?.folder?.temporary !== next.folder.temporary) {
      await this.#disk.forgetFolder(this.#disk.host.path.join(this.path, next.folder.temporary));
    }
    const [had, wanted, has] = [filesOf(before), filesOf(next), filesOf(made)];
    const forgotten = (kind: keyof typeof wanted): string[] =>
      wanted[kind].filter((file) => !had[kind].includes(file) && !has[kind].includes(file));
    this.questions.forget(forgotten("questions"));
    this.inbox.forget(forgotten("messages"));
  }

  /** The newest generation's folder has its name, whoever was to give it. */
  settle({ folder, run }: Step): void {
    if (folder === null) return;
    const { fs, path } = this.#disk.host;
    const temporary = path.join(this.path, folder.temporary);
    for (const name of [folder.name, `${run.generation}_${systemServices.ids()}`]) {
      try {
        fs.renameSync(temporary, path.join(this.path, name));
        return;
      } catch (error) {
        if (errorCode(error) === "ENOENT") return;
      }
    }
  }

  /** The wanted generation, or the newest whole one. */
  async load(step: Step, wanted: number | undefined, keep: number): Promise<StoredGeneration | undefined> {
    this.settle(step);
    const { generation: newest } = step.run;
    const oldest = Math.max(1, newest - keep + 1);
    if (wanted !== undefined && (wanted < oldest || wanted > newest)) return undefined;
    const passedOver: string[] = [];
    const folders = this.#chain.folders();
    for (let generation = wanted ?? newest; generation >= oldest; generation--) {
      try {
        return { generation, ...(await this.#chain.read(generation, folders)), passedOver };
      } catch (error) {
        if (wanted !== undefined || (error as { code?: unknown }).code !== "snapshot-damaged") throw error;
        passedOver.push(`Generation ${generation}: ${messageOf(error)}`);
      }
    }
    throw new SnapshotError(`None of the generations in ${this.path} is whole:\n- ${passedOver.join("\n- ")}`, {
      code: "snapshot-damaged",
    });
  }

  /** Newest first; without those whose manifest is damaged. */
  generations(step: Step, before: number, limit: number, keep: number): GenerationEntry[] {
    this.settle(step);
    const folders = this.#chain.folders();
    const listed: GenerationEntry[] = [];
    const { generation: newest } = step.run;
    for (let at = Math.min(before - 1, newest); at > newest - keep && at > 0 && listed.length < limit; at--) {
      try {
        const { generation, at: moment, info, bytes } = this.#chain.find(at, folders);
        listed.push({ generation, at: moment, info, bytes });
      } catch (error) {
        if ((error as { code?: unknown }).code !== "snapshot-damaged") throw error;
      }
    }
    return listed;
  }

  events(): StoredEvent[] {
    return this.#log === undefined ? [] : new EventLog(this.#disk, this.#log).read();
  }

  /** Those that are open, or the one of that id. */
  asked(step: Step, id: string | undefined): StoredQuestion[] {
    if (id === undefined) return this.questions.open(step);
    return [this.questions.find(step, id)].filter((found) => found !== undefined);
  }

  /** What a step is decided by. */
  seen(step: Step | undefined, { message, question }: Wanted): Seen {
    return {
      run: step?.run,
      hasMessage: step !== undefined && message !== undefined && this.inbox.has(step.inbox, message),
      isClosed: step !== undefined && question !== undefined && this.questions.isClosed(step, question),
    };
  }

  messages({ inbox }: Step, after: number): StoredMessage[] {
    return inbox.filter(({ n }) => n > after).flatMap((pending) => this.inbox.read(pending) ?? []);
  }

  get #name(): string {
    return this.#disk.host.path.basename(this.path);
  }

  /** Takes the run away, if it is still the one that was seen. */
  async remove(dir: string): Promise<boolean> {
    const log = this.#log;
    if (log === undefined) return false;
    const { fs, path } = this.#disk.host;
    const away = this.#disk.temporary(dir);
    try {
      fs.renameSync(this.path, away);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return false;
      throw error;
    }
    if (!fs.existsSync(path.join(away, log.folder.slice(this.path.length)))) {
      fs.renameSync(away, this.path);
      return false;
    }
    const by = this.#known?.untoldBy;
    if (by !== undefined) this.#untold.forget({ log: log.name, step: by });
    this.#log = undefined;
    await this.#disk.syncFolder(dir);
    await this.#disk.forgetFolder(away);
    return true;
  }

  #consumed(before: Step, numbers: readonly number[]): Pending[] {
    const consumed = numbers.map((n) => before.inbox.find((pending) => pending.n === n) ?? n);
    for (const [index, each] of consumed.entries()) {
      if (typeof each === "number") throw unmatched(before.run.taskId, each);
      if (consumed.indexOf(each) !== index) throw unmatched(before.run.taskId, each.n);
    }
    return consumed as Pending[];
  }

  async #write(folder: string, { run, taken: { commit, bytes } }: Required<Pick<Change, "run" | "taken">>, before: Step | undefined) {
    const { generation, info, nodes = [] } = commit;
    const { parts, gone, base, state } = await this.#chain.gather(commit, bytes, before?.chain);
    const temporary = `${TEMPORARY}${generation}-${systemServices.ids()}`;
    const { taskId, token, updatedAt: at } = run;
    const manifest = { taskId, generation, token, at, bytes, base, gone: [...gone], nodes, info };
    await writeGeneration(this.#disk, this.#disk.host.path.join(folder, temporary), manifest, parts);
    return { chain: state, name: { temporary, name: generationFolderName(generation, nodes) } };
  }

  /** What follows a step that is made. A failure here is the next step's to mend. */
  async #tidy(log: RunLog, step: Step, consumed: readonly Pending[], hasGeneration: boolean, settings: RunStoreSettings): Promise<void> {
    this.settle(step);
    this.inbox.forget(consumed.map(({ file }) => file));
    await new EventLog(this.#disk, log).tidy(step.number, settings.keepEvents);
    if (!hasGeneration || step.run.generation % TIDY_EACH !== 0) return;
    const { fs, path } = this.#disk.host;
    const oldest = Math.max(1, step.run.generation - settings.keep + 1);
    const abandoned = fs
      .readdirSync(this.path)
      .filter((name) => name.startsWith(TEMPORARY) && this.#isAbandoned(path.join(this.path, name)));
    for (const name of [...this.#chain.needless(oldest, step.run.generation), ...abandoned]) {
      await this.#disk.forgetFolder(path.join(this.path, name));
    }
  }

  #isAbandoned(path: string): boolean {
    return systemServices.clock.now() - this.#disk.host.fs.statSync(path).mtimeMs > ABANDONED_MS;
  }
}
