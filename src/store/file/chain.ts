/**
 * Generations that build on each other. Most hold what one commit changed; each sixteenth what the last sixteen did, each 256th what the
 * last 256 did, and so on; one holds everything whenever what has changed since the last such has outgrown it. So a commit writes a few
 * times its change, and any generation is read from a few dozen folders.
 */
import type { Commit } from "#contract/store/run-commit";
import type { Sealed } from "#contract/store/run-record";
import { damaged } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { present } from "./host.ts";
import { type Found, readManifest, readParts } from "./manifest.ts";
import { generationOf } from "./names.ts";

const STRIDE = 16;
/** Below this much, gathering everything is not worth a thought. */
const LEAST_BYTES = 4_096;

/** Kept with the run: since when, and how much, its generations are changes. */
export interface ChainState {
  full: number;
  fullBytes: number;
  sinceBytes: number;
}

interface Overlay {
  parts: Map<string, Sealed>;
  gone: Set<string>;
}

/** A generation with all that its folders hold. */
interface Whole {
  info: Sealed;
  parts: Map<string, Sealed>;
}

export class Chain {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #taskId: string;

  constructor(disk: Disk, folder: string, taskId: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#taskId = taskId;
  }

  /** The folders by generation; strangers' ones may be among them. */
  folders(): Map<number, string[]> {
    const names = present(this.#folder, () => this.#disk.host.fs.readdirSync(this.#folder)) ?? [];
    const folders = new Map<number, string[]>();
    for (const name of names) {
      const generation = generationOf(name);
      if (generation === undefined) continue;
      const there = folders.get(generation);
      if (there === undefined) folders.set(generation, [name]);
      else there.push(name);
    }
    return folders;
  }

  /** @throws SnapshotError `snapshot-damaged` where there is none that is whole */
  find(generation: number, folders: ReadonlyMap<number, readonly string[]>): Found {
    let fault: unknown;
    for (const name of folders.get(generation) ?? []) {
      try {
        const found = readManifest(this.#disk, this.#disk.host.path.join(this.#folder, name), this.#taskId, generation);
        if (found !== undefined) return found;
      } catch (error) {
        fault = error;
      }
    }
    throw fault ?? damaged(this.#folder, `expected a folder of generation ${generation} of task "${this.#taskId}", found none`);
  }

  /** All generations that one is read from, newest first, down to the one after `base`. */
  *walk(generation: number, base: number, folders: ReadonlyMap<number, readonly string[]>): Iterable<Found> {
    for (let at = generation; at > base; ) {
      const found = this.find(at, folders);
      yield found;
      if (found.base === 0) return;
      at = found.base;
    }
  }

  /** @throws SnapshotError `snapshot-damaged` */
  async read(generation: number, folders: ReadonlyMap<number, readonly string[]>): Promise<Whole> {
    const found = [...this.walk(generation, 0, folders)];
    const { parts } = await this.#overlay(found);
    return { info: (found[0] as Found).info, parts };
  }

  async #overlay(found: readonly Found[]): Promise<Overlay> {
    const contents = await Promise.all(found.map((each) => readParts(this.#disk, each)));
    const parts = new Map<string, Sealed>();
    const gone = new Set<string>();
    for (const [index, { gone: names }] of found.entries()) {
      for (const [name, content] of contents[index] ?? []) if (!parts.has(name) && !gone.has(name)) parts.set(name, content);
      for (const name of names) if (!parts.has(name)) gone.add(name);
    }
    return { parts, gone };
  }

  /** What the next generation's folder holds: the commit's change, with what it gathers of those before. */
  async gather(commit: Commit, bytes: number, state: ChainState | undefined): Promise<Overlay & { base: number; state: ChainState }> {
    const { generation, put, remove, whole } = commit;
    const own = { parts: new Map(put), gone: new Set(remove) };
    if (state === undefined || whole === true) {
      return { parts: own.parts, gone: new Set(), base: 0, state: { full: generation, fullBytes: bytes, sinceBytes: 0 } };
    }
    const sinceBytes = state.sinceBytes + bytes;
    const isFull = sinceBytes > Math.max(state.fullBytes, LEAST_BYTES);
    const base = isFull ? 0 : baseOf(generation, state.full);
    const plain = { ...own, base: generation - 1, state: { ...state, sinceBytes } };
    if (base === generation - 1) return plain;
    let before: Overlay;
    try {
      before = await this.#overlay([...this.walk(generation - 1, base, this.folders())]);
    } catch {
      // What is damaged is told to whoever loads it; it must not keep a run from going on.
      return plain;
    }
    for (const [name, content] of before.parts) if (!own.parts.has(name) && !own.gone.has(name)) own.parts.set(name, content);
    for (const name of before.gone) if (!own.parts.has(name)) own.gone.add(name);
    if (base > 0) return { ...own, base, state: { ...state, sinceBytes } };
    const fullBytes = [...own.parts.values()].reduce((sum, content) => sum + content.length, 0);
    return { parts: own.parts, gone: new Set(), base, state: { full: generation, fullBytes, sinceBytes: 0 } };
  }

  /** The folders that no generation from `oldest` to `newest` is read from. */
  needless(oldest: number, newest: number): string[] {
    const folders = this.folders();
    const needed = new Set([...this.walk(oldest, 0, folders)].map(({ generation }) => generation));
    return [...folders].flatMap(([generation, names]) =>
      generation >= oldest || generation > newest || needed.has(generation) ? [] : names,
    );
  }
}

/** The farthest generation that this one may gather from, on the strides that it stands on. */
function baseOf(generation: number, full: number): number {
  let base = generation - 1;
  for (let stride = STRIDE; generation % stride === 0 && generation - stride >= full; stride *= STRIDE) base = generation - stride;
  return base;
}
