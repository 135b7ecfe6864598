import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["asimov-source"] },
  ssr: { resolve: { conditions: ["asimov-source"] } },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    setupFiles: ["tests/support/seed.ts"],
    globalSetup: ["tests/support/redis-server.ts"],
    testTimeout: 30_000,
  },
});
