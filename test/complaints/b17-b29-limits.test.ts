import { describe, expect, it } from "vitest";
import { ConflictError } from "../../shared/errors.js";
import { type EventSystems, idsOf, makeEventSystems, upTo } from "./event-systems.js";

const isBatch = (path: string): boolean => path.endsWith("/$batch");

describe("B17: bulk inserts keep hitting limits, and repeating them makes rows twice", () => {
  it("waits as long as Dynamics asks when it answers 429, and sends nothing meanwhile", async () => {
    const systems = await makeEventSystems({ contacts: 200 });
    const expected = systems.happen("open", upTo(200));
    const sent: number[] = [];
    let refusedAt = 0;
    systems.between = async (request, pass) => {
      sent.push(systems.clock.now());
      if (refusedAt > 0 || !isBatch(request.url.pathname)) return pass();
      refusedAt = systems.clock.now();
      return { status: 429, headers: { "retry-after": "37" }, text: "" };
    };

    const result = await systems.pull();

    expect(result).toMatchObject({ written: 200, upToDate: true });
    expect(idsOf(systems.activities())).toEqual(expected.sort());
    expect(sent.filter((at) => at > refusedAt && at < refusedAt + 37_000)).toEqual([]);
  });

  it("ends with each activity and task once, whichever batch's answer is lost after Dynamics carried it out", async () => {
    for (const lost of [1, 2, 3, 4]) {
      const systems = await makeEventSystems({ contacts: 120 });
      const expected = systems.happen("click", upTo(120));
      let batches = 0;
      systems.between = async (request, pass) => {
        const came = await pass();
        if (!isBatch(request.url.pathname)) return came;
        batches += 1;
        return batches === lost ? { network: "ECONNRESET" } : came;
      };

      await pullUntilDone(systems);

      expect(idsOf(systems.activities()), `answer ${lost} lost`).toEqual([...expected].sort());
      expect(systems.rows("tasks"), `answer ${lost} lost`).toHaveLength(120);
      expect(systems.failures).toEqual([]);
    }
  });

  it("does the work of thousands of single requests in so few that the limit is not met", async () => {
    const systems = await makeEventSystems({
      contacts: 200,
      switches: { limits: "on", limitRequests: 100, limitWindowSeconds: 300 },
    });
    const expected = upTo(5).flatMap(() => systems.happen("click", upTo(200)));
    let throttled = 0;
    systems.between = async (_request, pass) => {
      const came = await pass();
      if ("status" in came && came.status === 429) throttled += 1;
      return came;
    };

    await systems.pull();

    expect(throttled).toBe(0);
    expect(systems.activities()).toHaveLength(expected.length);
  });
});

describe("B29: scaled out, every instance works at once and drowns the system behind", () => {
  it("lets one of many instances go on that start at the same moment, within what the servers recommend; each event comes once", async () => {
    const systems = await makeEventSystems({ contacts: 200, switches: { limits: "on", dopHint: 8 } });
    const expected = upTo(8).flatMap(() => systems.happen("open", upTo(200)));
    let [underWay, most, over, throttled] = [0, 0, 0, 0];
    systems.between = async (_request, pass) => {
      underWay += 1;
      // Once the others have given up.
      if (over === 4) most = Math.max(most, underWay);
      const came = await pass();
      underWay -= 1;
      if ("status" in came && came.status === 429) throttled += 1;
      return came;
    };
    const pulls = upTo(5).map(async () => {
      const outcome = await systems
        .instance()
        .pull()
        .catch((error: unknown) => error);
      over += 1;
      return outcome;
    });

    const outcomes = await Promise.all(pulls);

    expect(outcomes.filter((outcome) => outcome instanceof ConflictError)).toHaveLength(4);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(8);
    expect(throttled).toBe(0);
    expect(idsOf(systems.activities())).toEqual(expected.sort());
  });

  it("keeps to the requests at once that Dynamics recommends, however much waits, and to fewer when the hint sinks", async () => {
    const systems = await makeEventSystems({ contacts: 200, switches: { limits: "on", dopHint: 6 } });
    for (const _ of upTo(6)) systems.happen("click", upTo(200));
    let [underWay, most, batches] = [0, 0, 0];
    const peaks: number[] = [];
    systems.between = async (request, pass) => {
      underWay += 1;
      most = Math.max(most, underWay);
      if (isBatch(request.url.pathname)) batches += 1;
      if (batches === 20) {
        peaks.push(most);
        await systems.core.command?.("switches", { dopHint: 2 });
      }
      // Those that were under way when the hint sank have been answered by then.
      if (batches === 30) most = underWay;
      const came = await pass();
      underWay -= 1;
      return came;
    };

    await systems.pull();

    expect(peaks[0]).toBe(6);
    expect(most).toBeLessThanOrEqual(2);
    expect(systems.activities()).toHaveLength(1_200);
  });
});

/** As the timer does: again, when a run failed. */
async function pullUntilDone(systems: EventSystems): Promise<void> {
  for (let runs = 0; runs < 5; runs += 1) {
    const result = await systems.pull().catch(() => undefined);
    if (result?.upToDate) return;
    systems.clock.advance(60_000);
  }
  throw new Error("it does not get done");
}
