import { describe, expect, it } from "vitest";
import { documentOf, example, makeTwoSystems, openFailures, type TwoSystems } from "./two-systems.js";

const crm = "Microsoft.Dynamics.CRM";
const inCity = { join: "and", conditions: [{ column: "address1_city", comparison: "equals", value: "Sampleford" }] };
const [inside, outside] = ["Sampleford", "Esempio"];

async function merge(systems: TwoSystems, winner: string, loser: string, content: Record<string, unknown> = {}) {
  await systems.act("Merge", {
    Target: { "@odata.type": `${crm}.contact`, contactid: winner },
    Subordinate: { "@odata.type": `${crm}.contact`, contactid: loser },
    UpdateContent: { "@odata.type": `${crm}.contact`, ...content },
    PerformParentingChecks: false,
  });
}

/** Two contacts in these cities, brought over, then merged, the winner taking the loser's first name; brought by this path. */
async function play(path: string, winnerCity: string, loserCity: string, content: Record<string, unknown> = {}) {
  const systems = await makeTwoSystems({
    mappings: [example("contact", { filters: inCity, whenFilteredOut: "delete" })],
  });
  const winner = await systems.create("contacts", { lastname: "Winner", address1_city: winnerCity });
  const loser = await systems.create("contacts", { lastname: "Loser", firstname: "Ann", address1_city: loserCity });
  await systems.sweep();
  await systems.lose();
  await merge(systems, winner, loser, { firstname: "Ann", ...content });
  if (path === "notice") await systems.settle();
  else {
    await systems.lose();
    await systems.sweep();
  }
  expect(await openFailures(systems.world)).toEqual([]);
  return systems.world.profiles().map(({ lastName, firstName }) => `${lastName} ${firstName}`);
}

describe.each(["notice", "sweep"])(
  "B38: what a merge leaves depends on which side passes the filter (by %s)",
  (path) => {
    it.each([
      [inside, inside, ["Winner Ann"]],
      [inside, outside, ["Winner Ann"]],
      [outside, inside, []],
      [outside, outside, []],
    ])(
      "winner in %s, loser in %s: only the winner stays, and only if it passes itself",
      async (winner, loser, left) => {
        expect(await play(path, winner, loser)).toEqual(left);
      },
    );

    it("goes by the winner as it is after the merge: what the loser's values bring in comes, what they take out goes", async () => {
      expect(await play(path, outside, inside, { address1_city: inside })).toEqual(["Winner Ann"]);
      expect(await play(path, inside, outside, { address1_city: outside })).toEqual([]);
    });
  },
);

describe("B38: what a merge leaves depends on which side passes the filter (what hangs on it)", () => {
  it("never writes the loser again: not by late news of it, not by a load, not by a replay", async () => {
    const systems = await makeTwoSystems();
    const winner = await systems.create("contacts", { lastname: "Winner" });
    const loser = await systems.create("contacts", { lastname: "Loser" });
    const late = await systems.hear();
    await systems.world.drain();
    await merge(systems, winner, loser);
    await systems.settle();

    // Not the same messages again, which the bus would drop: the same news by another way.
    const news = late.flatMap((one) => (one.outcome === "queued" ? one.envelopes : []));
    await systems.world.queue.send(news.map((envelope) => ({ ...envelope, nonce: `late-${envelope.nonce}` })));
    await systems.world.drain();
    await systems.core.command?.("expire-delta-tokens", {});
    await systems.sweep();

    expect(news).toHaveLength(2);
    expect(systems.world.profiles().map(({ lastName }) => lastName)).toEqual(["Winner"]);
  });

  it("keeps the loser's profile where the mapping says that deletes are not applied", async () => {
    const systems = await makeTwoSystems({ mappings: [example("contact", { applyDeletes: false })] });
    const winner = await systems.create("contacts", { lastname: "Winner" });
    const loser = await systems.create("contacts", { lastname: "Loser" });
    await systems.settle();

    await merge(systems, winner, loser);
    await systems.settle();

    expect(documentOf("contact").applyDeletes ?? true).toBe(true);
    expect(
      systems.world
        .profiles()
        .map(({ lastName }) => lastName)
        .sort(),
    ).toEqual(["Loser", "Winner"]);
  });
});
