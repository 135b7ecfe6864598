import { describe, it } from "vitest";
import { MemoryStore } from "#store/memory/store";
import { runStoreLaws } from "#testing/run-store-suite";

describe("memory store", () => {
  const laws = runStoreLaws({ make: (options) => new MemoryStore(options), reopen: (store) => store });
  for (const { name, run } of laws) it(name, run);
});
