import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    env: { TZ: "UTC" },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // Two cores: the suites that start processes must not starve each other.
    maxWorkers: 2,
  },
});
