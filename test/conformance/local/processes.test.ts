import { describe, expect, it } from "vitest";
import { startProcess } from "../../../infra/local/processes.js";

describe("a process of the local runtime", () => {
  it.each(["signal", "message"] as const)(
    "ends in order when it is asked by %s, as on the one platform and the other",
    async (stopBy) => {
      const simulator = await startProcess({
        ...{ name: "campaign", script: "infra/local/campaign/main.ts", args: ["--port", "0"], stopBy },
      });

      const how = await simulator.stop();

      expect(how).toBe("exit code 0");
    },
    60_000,
  );

  it("ends at once when it is killed", async () => {
    const simulator = await startProcess({
      name: "campaign",
      script: "infra/local/campaign/main.ts",
      args: ["--port", "0"],
    });

    expect(await simulator.kill()).toBe("SIGKILL");
  }, 60_000);
});
