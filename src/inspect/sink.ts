/** Where a Stately inspector's events go: a page that this process serves, a socket, or a window of the browser. */
import type { StatelyInspectionEvent } from "@statelyai/inspect";

export interface Sink {
  /** What a person opens, or where the events are sent. */
  readonly url: string;
  send(event: StatelyInspectionEvent): void;
  close(): Promise<void>;
}

/** The events that a viewer needs who was not there when they happened. */
export type Replay = () => readonly StatelyInspectionEvent[];

/** Text that a viewer has not taken yet, in characters; past it the viewer is cut off or skipped, so that a slow one costs no memory. */
export const MAX_UNSENT = 8_000_000;
