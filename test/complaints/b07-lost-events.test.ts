import { beforeEach, describe, expect, it } from "vitest";
import { type EventSystems, idsOf, makeEventSystems } from "./event-systems.js";

const minute = 60_000;
const hour = 60 * minute;

let systems: EventSystems;
beforeEach(async () => {
  systems = await makeEventSystems();
});

describe("B7, for events: whoever sends gives up, and what happened is lost", () => {
  it("brings everything that happened while the app was down for days, with the next pull", async () => {
    const expected = systems.happen("send", [1, 2, 3]);
    systems.clock.advance(30 * hour);
    expected.push(...systems.happen("click", [2]));
    systems.clock.advance(30 * hour);

    const result = await systems.pull();

    expect(result).toMatchObject({ written: 4, upToDate: true });
    expect(idsOf(systems.activities())).toEqual(expected.sort());
  });

  it("brings what was logged while the staging workflow only ran now and then, and rows that reached the log late", async () => {
    systems.campaign("settings", { stagingMinutes: 10 });
    const expected = systems.happen("send", [1, 2]);
    expected.push(...systems.happen("open", [1], { lateMs: 3 * hour }));
    const counts: number[] = [];
    for (let pulls = 0; pulls < 40; pulls += 1) {
      systems.clock.advance(5 * minute);
      counts.push((await systems.pull()).written);
    }

    expect(idsOf(systems.activities())).toEqual(expected.sort());
    expect(counts.filter((count) => count > 0)).toEqual([2, 1]);
  });

  it("brings the events of a pull whose every request failed, with the next one", async () => {
    const expected = systems.happen("open", [1, 2, 3]);
    systems.between = async () => ({ network: "ECONNREFUSED" });
    await expect(systems.pull()).rejects.toThrow("not available");
    systems.between = (_request, pass) => pass();
    systems.clock.advance(minute);

    await systems.pull();

    expect(idsOf(systems.activities())).toEqual(expected.sort());
  });

  it("costs Dynamics no request for what was brought already, however often it is looked at again", async () => {
    systems.happen("click", [1, 2, 3]);
    await systems.pull();
    systems.reached.length = 0;

    for (let pulls = 0; pulls < 20; pulls += 1) {
      systems.clock.advance(2 * minute);
      await systems.pull();
    }

    expect(systems.reached).toEqual([]);
    expect(systems.activities()).toHaveLength(3);
  });
});
