import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { orderReplay } from "../../shared/flows/full-read.js";
import { makeTwoSystems, type TwoSystems } from "./two-systems.js";

/** The three ways a row comes in: as a notice's image, as the read of a notice without its row, and in a page of a load. */
const paths = ["image", "fresh read", "load"] as const;
/** Far on either side of UTC, and one that changes its clocks. */
const zones = ["Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin"];

const { TZ: usual } = process.env;
let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});
afterEach(() => {
  process.env.TZ = usual;
});

/** Lets what was created come in by one way only. */
async function bring(path: (typeof paths)[number]): Promise<void> {
  if (path === "image") return systems.settle();
  if (path === "load") {
    await systems.lose();
    return void (await systems.sweep());
  }
  const { send } = systems.world.ports.queue;
  systems.world.ports.queue.send = (envelopes) =>
    send(envelopes.map(({ row: _row, columns: _columns, version: _version, ...bare }) => bare));
  await systems.settle();
}

const cases = zones.flatMap((zone) => paths.map((path) => [path, zone] as const));

describe("B18: a date is written a day early, depending on path and time zone", () => {
  it.each(cases)("keeps the day that was entered: by %s, in a process in %s", async (path, zone) => {
    process.env.TZ = zone;

    await systems.create("contacts", { lastname: "Abendrot", birthdate: "1990-03-25" });
    await systems.create("acme_vehicles", { acme_name: "Van", acme_firstregistration: "2024-10-27" });
    await bring(path);

    expect(systems.world.profiles()).toMatchObject([{ birthDate: "1990-03-25" }]);
    expect(systems.world.records("cusVehicle")).toMatchObject([{ firstRegistration: "2024-10-27" }]);
  });
});

describe("B19: a time that belongs to no zone comes back with a Z and is shifted", () => {
  it.each(cases)(
    "keeps the digits of such a time, and the instant of every other: by %s, in %s",
    async (path, zone) => {
      process.env.TZ = zone;

      const vehicle = await systems.create("acme_vehicles", { acme_name: "Van" });
      await systems.create("acme_visits", {
        acme_subject: "Checkup",
        acme_kind: 1,
        acme_localtime: "2026-03-29T02:30:00Z",
        acme_finishedon: "2026-03-29T02:30:00+02:00",
        "acme_vehicleid@odata.bind": `/acme_vehicles(${vehicle})`,
      });
      await bring(path);

      const [visit] = systems.world.records("cusVisit");
      expect(String(visit?.appointment)).toMatch(/^2026-03-29[T ]02:30:00/);
      expect(String(visit?.finished)).toMatch(/^2026-03-29[T ]00:30:00/);
    },
  );

  it("makes the same of one value by every path, so that no path writes what another has written", async () => {
    process.env.TZ = "America/Los_Angeles";
    const vehicle = await systems.create("acme_vehicles", { acme_name: "Van", acme_firstregistration: "2024-10-27" });
    await systems.create("acme_visits", {
      acme_subject: "Checkup",
      acme_localtime: "2026-03-29T02:30:00Z",
      acme_finishedon: "2026-03-29T02:30:00Z",
      "acme_vehicleid@odata.bind": `/acme_vehicles(${vehicle})`,
    });
    await systems.settle();
    const before = systems.world.campaignCalls();

    await systems.sweep();
    await orderReplay(systems.world.ports, "acme_visit", "changed");
    await orderReplay(systems.world.ports, "acme_vehicle", "changed");
    const { loaded } = await systems.sweep();

    expect(loaded).toBe(2);
    expect(systems.world.campaignCalls() - before).toBe(0);
  });
});
