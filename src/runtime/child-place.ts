/** Where a run is waited for: the module of its parent, what that keeps of it, and how it waits. */
import type { KeptChild, ModuleHost } from "#contract/run/host";
import { digestOf } from "#contract/store/digest";

export interface ChildPlace {
  readonly taskId: string;
  /** The parent, as the module has it. */
  readonly run: ModuleHost;
  readonly node: string;
  read(): KeptChild | undefined;
  keep(kept: KeptChild): void;
  started(): void;
  /** Rejects when the module's attempt is given up. */
  wait<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** The same for the same key, in every process: a UUID of version 8. */
export function childTaskId(key: string): string {
  const digits = digestOf(key);
  const variant = ((Number.parseInt(digits[16] as string, 16) & 3) | 8).toString(16);
  return [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`, variant + digits.slice(17, 20), digits.slice(20, 32)].join(
    "-",
  );
}
