/** What the cancel tests share: tasks, and modules that wait until they are aborted. */
import { type AgentModule, type AgentModuleInit, defineModule, type ModuleContext, Task } from "asimov-agents";

export const newTask = (): Task => new Task({ type: "test", objective: "Be cancelled" });

/** Resolves with the reason when the signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });

/** A module that tells when it runs, and ends when it is aborted. */
export function waiting(name: string, entered: (context: ModuleContext) => void, init: Partial<AgentModuleInit> = {}): AgentModule {
  return defineModule({
    ...init,
    name,
    async process(context) {
      entered(context);
      throw await aborted(context.signal);
    },
  });
}

export const succeeding = (name: string, run: () => void = () => {}): AgentModule =>
  defineModule({
    name,
    async process() {
      run();
      return { status: "success", result: name };
    },
  });

export function gate<T = void>(): { opened: Promise<T>; open(value: T): void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}
