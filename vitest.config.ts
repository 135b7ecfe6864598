import { defineConfig } from "vitest/config";

/** Waits for real time, starts processes, or tries thousands of cases. */
const SLOW = "tests/**/*.slow.test.ts";
/** Speaks of a process in which nothing has run before. */
const ALONE = "tests/**/*.alone.test.ts";

export default defineConfig({
  resolve: { conditions: ["asimov-source"] },
  ssr: { resolve: { conditions: ["asimov-source"] } },
  test: {
    environment: "node",
    setupFiles: ["tests/support/seed.ts", "tests/support/leave-nothing.ts"],
    globalSetup: ["tests/support/redis-server.ts", "tests/support/postgres-server.ts"],
    testTimeout: 30_000,
    maxWorkers: "100%",
    // A file's name says where it belongs; what is slow does not hold up what is fast.
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["tests/**/*.test.ts"],
          exclude: [SLOW, ALONE],
          // A process for each file would take longer than the tests.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "alone", include: [ALONE], sequence: { groupOrder: 1 } } },
      // Processes that are started together wait for a processor.
      { extends: true, test: { name: "slow", include: [SLOW], testTimeout: 120_000, sequence: { groupOrder: 2 } } },
    ],
  },
});
