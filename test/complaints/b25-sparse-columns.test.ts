import { beforeEach, describe, expect, it } from "vitest";
import { makeTwoSystems, type TwoSystems } from "./two-systems.js";

const full = {
  lastname: "Abendrot",
  firstname: "Ann",
  emailaddress1: "ann@example.com",
  birthdate: "1990-03-25",
  gendercode: 2,
};
const profile = () => systems.world.profiles()[0];

let systems: TwoSystems;
beforeEach(async () => {
  systems = await makeTwoSystems();
});

describe.each(["notice", "sweep"])("B25: columns that are empty in some rows silently vanish (by %s)", (path) => {
  const bring = async (): Promise<void> => {
    if (path === "notice") return systems.settle();
    await systems.lose();
    await systems.sweep();
  };

  it("writes a column that only one row of many has", async () => {
    for (const lastname of ["Birkholz", "Castellmar", "Dornfeld"]) await systems.create("contacts", { lastname });
    await systems.create("contacts", full);
    await bring();

    const written = systems.world.profiles().filter(({ firstName }) => firstName === "Ann");
    expect(systems.world.profiles()).toHaveLength(4);
    expect(written).toMatchObject([{ lastName: "Abendrot", email: "ann@example.com", gender: "female" }]);
  });

  it("empties every field whose column was emptied, and leaves the others as they were", async () => {
    const id = await systems.create("contacts", full);
    await bring();

    await systems.edit("contacts", id, { firstname: null, emailaddress1: null, birthdate: null, gendercode: null });
    await bring();

    expect(profile()).toMatchObject({ lastName: "Abendrot", firstName: "", email: "", gender: "unknown" });
    expect(profile()?.birthDate ?? "").toBe("");
  });

  it("keeps a value that the news does not speak of", async () => {
    const id = await systems.create("contacts", full);
    await bring();

    await systems.edit("contacts", id, { firstname: "Bea" });
    await bring();

    expect(profile()).toMatchObject({ firstName: "Bea", email: "ann@example.com", gender: "female" });
    expect(String(profile()?.birthDate)).toContain("1990-03-25");
  });

  it("tells zero and false from nothing", async () => {
    const id = await systems.create("acme_vehicles", { acme_name: "Van", acme_seats: 5, acme_price: 900 });
    await bring();

    await systems.edit("acme_vehicles", id, { acme_seats: 0 });
    await bring();

    expect(systems.world.records("cusVehicle")).toMatchObject([{ seats: 0, price: 900 }]);
  });
});

describe("B25: columns that are empty in some rows silently vanish (from a notice's image)", () => {
  it("reads the row when the notice's image may lack columns, instead of taking what is absent for empty", async () => {
    const id = await systems.create("contacts", full);
    await systems.settle();
    const { queue } = systems.world.ports;
    const { send } = queue;
    queue.send = (envelopes) =>
      send(
        envelopes.map((envelope) => {
          const { firstname: _missing, ...row } = envelope.row ?? {};
          return { ...envelope, row };
        }),
      );

    await systems.edit("contacts", id, { lastname: "Neuhaus" });
    await systems.settle();

    expect(profile()).toMatchObject({ lastName: "Neuhaus", firstName: "Ann" });
  });
});
