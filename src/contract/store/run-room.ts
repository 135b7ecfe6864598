/** Whether what a run writes has room in a part of its store, asked before it is written: who writes too much hears of it, and the run goes on. */

import { sizeOf } from "./run-checks.ts";
import type { RunStoreSettings } from "./run-options.ts";
import { encoded } from "./seal.ts";
import { partTooLarge } from "./store-errors.ts";

/** What a codec makes of a text is not larger than so many of its characters. */
const MOST_BYTES = 64;

export interface Room extends Pick<RunStoreSettings, "codec" | "maxPartBytes"> {
  taskId: string;
}

/** What is written, for the error; how many characters it has at most; and the text, asked for only where that comes near the limit. */
export interface Written {
  what(): string;
  length: number;
  text(): string;
  /** Bytes that are kept free beside it. Default 0. */
  spare?: number;
}

/** Counted as it is stored: after its codec. @throws AsimovError `part-too-large` */
export function requireRoom({ taskId, codec, maxPartBytes }: Room, { what, length, text, spare = 0 }: Written): void {
  // In UTF-8 a character of a text has three bytes at most.
  if (length * (codec === undefined ? 3 : MOST_BYTES) + spare <= maxPartBytes) return;
  const bytes = sizeOf(encoded(codec, text())) + spare;
  if (bytes > maxPartBytes) throw partTooLarge(taskId, what(), bytes, maxPartBytes);
}
