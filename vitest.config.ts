import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    setupFiles: ["tests/support/seed.ts"],
    globalSetup: ["tests/support/redis-server.ts"],
    testTimeout: 30_000,
  },
});
