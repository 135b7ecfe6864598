/** The laws that every run store keeps, to run against a store of your own with any test runner. */
import type { RunStoreOptions } from "#contract/store/run-options";
import type { RunStore } from "#contract/store/run-store";
import type { Law } from "./law.ts";
import { commitLaws } from "./run-commit-laws.ts";
import { endLaws } from "./run-end-laws.ts";
import { findLaws } from "./run-find-laws.ts";
import { inboxLaws } from "./run-inbox-laws.ts";
import { ownerLaws } from "./run-owner-laws.ts";
import { questionLaws } from "./run-question-laws.ts";

export interface RunStoreSuiteOptions {
  /** A store over an empty place of its own. The suite closes it. */
  make(options: RunStoreOptions): RunStore | Promise<RunStore>;
  /** Another store over the place of this one, as of another process; a store that ends with its process gives itself. */
  reopen(store: RunStore, options: RunStoreOptions): RunStore | Promise<RunStore>;
}

/**
 * The contract of `RunStore`, a law for each behaviour that runs rely on. They need no test runner: each rejects, saying what was
 * expected and what came, when it does not hold.
 *
 * @example
 * const laws = runStoreLaws({ make: (options) => new MemoryStore(options), reopen: (store) => store });
 * for (const { name, run } of laws) it(name, run);
 */
export function runStoreLaws({ make, reopen }: RunStoreSuiteOptions): Law[] {
  const laws = { ...ownerLaws(), ...commitLaws(), ...inboxLaws(), ...questionLaws(), ...findLaws(), ...endLaws() };
  return Object.entries(laws).map(([name, law]) => ({
    name,
    run: async () => {
      const opened = new Map<RunStore, RunStoreOptions>();
      const hold = (store: RunStore, options: RunStoreOptions): RunStore => {
        opened.set(store, options);
        return store;
      };
      try {
        await law({
          make: async (options = {}) => hold(await make(options), options),
          reopen: async (store) => {
            const options = opened.get(store) ?? {};
            return hold(await reopen(store, options), options);
          },
        });
      } finally {
        for (const store of opened.keys()) await store.close();
      }
    },
  }));
}
