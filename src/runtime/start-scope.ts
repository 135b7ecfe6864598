/** The module that a run is started in, of this agent or of another, if it is: that gives its permit back until the run has ended. */
import { type CallScope, currentScope } from "#contract/chat/call-scope";

export class StartScope {
  #within: CallScope | undefined;
  #launchedIn: { scope: CallScope | undefined } | undefined;
  #tellEnded: (() => void) | undefined;
  /** Settles when whoever started the run may go on: the module that did has its permit again. */
  released: Promise<void> = Promise.resolve();

  /** The run ends by this signal, which may be a module's. */
  heard(signal: AbortSignal): void {
    this.#within ??= currentScope(signal);
  }

  /** Remembers the module that starts it, if one does: its actor may begin in a later turn of the event loop, which is somebody else's. */
  launched(): void {
    this.#launchedIn = { scope: currentScope() };
  }

  /** From the start of its actor, and not before: one that is refused is nothing to wait for. @returns what ends the module ends the run, too */
  begin(): AbortSignal | undefined {
    const within = this.#within ?? (this.#launchedIn === undefined ? currentScope() : this.#launchedIn.scope);
    if (within === undefined) return undefined;
    const ended = new Promise<void>((resolve) => {
      this.#tellEnded = resolve;
    });
    this.released = within.wait(() => ended);
    return within.signal;
  }

  end(): void {
    this.#tellEnded?.();
  }
}
