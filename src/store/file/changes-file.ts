/** How processes tell each other that a run may have changed: a file that grows by a byte with each step, looked at now and then. */
import { systemClock } from "#contract/base/services";
import type { Host } from "./host.ts";

const LOOK_MS = 100;
const LONGEST = 65_536;

export class ChangesFile {
  readonly #host: Host;
  readonly #path: string;

  constructor(host: Host, dir: string) {
    this.#host = host;
    this.#path = host.path.join(dir, ".changes");
  }

  /** A hint: where it cannot be written, others find out when they look. */
  touch(): void {
    const { fs } = this.#host;
    try {
      if (this.size() >= LONGEST) fs.truncateSync(this.#path);
      fs.appendFileSync(this.#path, "\n", { mode: 0o600 });
    } catch {}
  }

  size(): number {
    try {
      return this.#host.fs.statSync(this.#path).size;
    } catch {
      return 0;
    }
  }

  /** Calls back whenever it has changed, and keeps the process alive meanwhile. Returns the end of it. */
  watch(changed: () => void): () => void {
    let seen = this.size();
    let timer: unknown;
    const arm = (): void => {
      timer = systemClock.setTimeout(() => {
        const size = this.size();
        if (size !== seen) changed();
        seen = size;
        arm();
      }, LOOK_MS);
    };
    arm();
    return () => systemClock.clearTimeout(timer);
  }
}
