import { beforeEach, describe, expect, it } from "vitest";
import type { Watched } from "../../shared/flows/monitor.js";
import { type MonitorWorld, makeMonitorWorld, named } from "../support/monitor-world.js";
import { recordId } from "../support/samples.js";

let own: MonitorWorld;
beforeEach(async () => {
  own = await makeMonitorWorld();
});
const firstAlarm = (looks: readonly Watched[]): number => looks.findIndex(({ findings }) => findings.length > 0);

/** Minutes in which timers run and the trigger of the lanes takes nothing. */
async function stall(minutes: number): Promise<Watched[]> {
  const looks: Watched[] = [];
  for (let minute = 0; minute < minutes; minute += 1) looks.push(await own.pass(1, { works: false }));
  return looks;
}

describe("B27: a trigger stands still for a day while messages wait", () => {
  it("is noticed after a quarter of an hour, named at every look of the day, and no more when it works again", async () => {
    await own.pass(1);
    for (let number = 0; number < 400; number += 1) own.world.dynamics.put(recordId(number), { lastname: "Abendrot" });

    const looks = await stall(24 * 60);
    const { body } = await own.ask("GET", "/status");
    await own.world.drain();
    const after = await own.look();

    const stalled = looks.map((look) => named(look).includes("queue-stalled changes"));
    expect(firstAlarm(looks)).toBeLessThanOrEqual(16);
    expect(stalled.slice(16)).not.toContain(false);
    expect(new Set(looks.slice(16).map(({ findings }) => findings[0]?.since)).size).toBe(1);
    expect(body.monitor).toMatchObject({ alarms: [{ code: "queue-stalled", about: "changes", level: "error" }] });
    expect(after.ended.map(({ code }) => code)).toEqual(["queue-stalled"]);
    expect(own.world.profiles()).toHaveLength(400);
  });

  it("is not confused with a quiet day", async () => {
    await own.pass(1);

    expect(firstAlarm(await stall(24 * 60))).toBe(-1);
  });

  it("is noticed by what lies on the queue, even if the monitor itself begins only then", async () => {
    own.world.dynamics.put(recordId(1), { lastname: "Abendrot" });
    await own.pass(1, { works: false });
    const fresh = await stall(16);

    expect(named(fresh.at(-1) ?? { findings: [] })).toEqual(["queue-stalled changes"]);
  });
});
