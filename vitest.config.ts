import { defineConfig } from "vitest/config";

const common = { env: { TZ: "UTC" }, testTimeout: 20_000, hookTimeout: 30_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "quick",
          include: ["test/**/*.test.ts"],
          exclude: ["test/system/**", "test/openssh/**"],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real processes: one file at a time and after everything else, or they starve each other on two cores.
        test: {
          ...common,
          name: "system",
          // Longer than what the tests themselves wait for (`eventually`: a minute), so that a failure says what was waited for.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: ["test/system/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
