import { defineConfig } from "vitest/config";

/** What needs OpenSSH from Debian's packages: a run of its own (npm run test:openssh). */
export default defineConfig({
  test: { include: ["test/openssh/**/*.test.ts"], env: { TZ: "UTC" }, testTimeout: 20_000, hookTimeout: 30_000 },
});
