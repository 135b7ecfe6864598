/**
 * Which runs have an end that is still to be told: a mark each, so that nobody need read all runs to find them. A mark is written before the step
 * that ends the run so, and is of that step alone: one that was never made, or was told since, leaves a mark that means nothing.
 */
import type { Disk } from "./disk.ts";
import { present } from "./host.ts";

const FOLDER = ".untold";
const MARK = /^(run-[0-9a-f-]{36})\.(\d{1,15})$/;

export interface UntoldMark {
  /** The name of the folder of the run's steps. */
  log: string;
  step: number;
}

export class UntoldMarks {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#folder = disk.host.path.join(dir, FOLDER);
  }

  /** @param task the name of the task's folder */
  async put(mark: UntoldMark, task: string): Promise<void> {
    await this.#disk.makeFolder(this.#folder);
    await this.#disk.publish(this.#path(mark), task);
  }

  /** With the name of the task's folder. */
  *all(): Generator<UntoldMark & { task: string }> {
    const { fs } = this.#disk.host;
    for (const name of present(this.#folder, () => fs.readdirSync(this.#folder)) ?? []) {
      const [, log, step] = MARK.exec(name) ?? [];
      if (log === undefined) continue;
      const mark = { log, step: Number(step) };
      const bytes = present(this.#path(mark), () => fs.readFileSync(this.#path(mark)));
      if (bytes !== undefined) yield { ...mark, task: new TextDecoder().decode(bytes) };
    }
  }

  forget(mark: UntoldMark): void {
    this.#disk.forget(this.#path(mark));
  }

  #path({ log, step }: UntoldMark): string {
    return this.#disk.host.path.join(this.#folder, `${log}.${step}`);
  }
}
