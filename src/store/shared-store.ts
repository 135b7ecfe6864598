/** A store that other processes write to: tells this one what they do to runs, and both what is said of those and kept by nobody. */
import { RunListeners } from "#contract/store/run-listeners";
import { SteppedStore } from "./stepped-store.ts";

export abstract class SharedStore extends SteppedStore {
  protected readonly listeners = new RunListeners((isListening) => this.watch(isListening));

  /** @throws AsimovError `store-closed` */
  protected abstract requireOpen(): void;
  /** From now on tells `listeners` what others do, or no longer. */
  protected abstract watch(isListening: boolean): void;
  /** To others; what is said when it is closed is lost. */
  protected abstract sayToOthers(taskId: string, text: string): void;
  /** From now on hands to `heard` what others say. Returns the end of it. By default, who hears what others do hears that, too. */
  protected hearOthers(): () => void {
    return this.subscribe(() => {});
  }

  subscribe(listener: (taskId: string | null, isCommit?: boolean) => void): () => void {
    this.requireOpen();
    return this.listeners.add(listener);
  }

  override publish(taskId: string, text: string): void {
    super.publish(taskId, text);
    this.sayToOthers(taskId, text);
  }

  override hear(taskId: string, listener: (text: string) => void): () => void {
    this.requireOpen();
    const leave = [super.hear(taskId, listener), this.hearOthers()];
    return () => {
      for (const each of leave) each();
    };
  }

  protected heard(taskId: string, text: string): void {
    super.publish(taskId, text);
  }
}
