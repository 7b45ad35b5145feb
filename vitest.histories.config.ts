import { defineConfig } from "vitest/config";

// Every history of up to six acts on an opt-out; `npm test` plays those of up to four.
export default defineConfig({
  test: {
    env: { TZ: "UTC", ACTS_IN: "6", ACTS_OUT: "5" },
    include: ["test/flow/opt-out-histories.test.ts"],
  },
});
