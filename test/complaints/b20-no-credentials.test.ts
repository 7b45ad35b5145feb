import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeCampaignCore } from "../../infra/local/campaign/core.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import { coreWorld } from "../support/core-http.js";
import { fixedClock } from "../support/fixed-clock.js";
import { makeTwoSystems } from "./two-systems.js";

/** One request as any program may send it. */
async function send(core: SimCore, method: string, path: string, body = "", headers: Record<string, string> = {}) {
  const [pathname = "", search = ""] = path.split("?");
  const query = new URLSearchParams(search);
  return core.handle({ method, path: pathname, query, search, headers, body, origin: "http://peer.test" });
}

describe("B20: the connector was shipped without credentials, so without tests, and its deduplication and deletes were broken", () => {
  it("goes the whole way in a test, through both real adapters and their log-ins, with nothing from the environment", async () => {
    const secrets = Object.keys(process.env).filter((name) => /^(DYNAMICS|CAMPAIGN|IMS|AZURE)_/.test(name));
    const systems = await makeTwoSystems();

    const id = await systems.create("contacts", { lastname: "Abendrot", emailaddress1: "ann@example.com" });
    await systems.settle();
    await systems.edit("contacts", id, { lastname: "Neuhaus" });
    await systems.lose();
    await systems.sweep();

    expect(secrets).toEqual([]);
    expect(systems.world.profiles()).toMatchObject([{ externalId: id, lastName: "Neuhaus", email: "ann@example.com" }]);
  });

  it("would notice an adapter that cannot log in or speaks nonsense: the stand-ins refuse what the real systems refuse", async () => {
    const systems = await makeTwoSystems();
    const campaign = makeCampaignCore(coreWorld(fixedClock("2026-03-01T00:00:00Z")));

    const anonymous = [
      await send(systems.core, "GET", "/api/data/v9.2/contacts"),
      await send(campaign, "GET", "/acme/campaign/profileAndServicesExt/profile", "", { "x-api-key": "local-client" }),
    ];
    const unknownColumn = systems.create("contacts", { nolastname: "Abendrot" });

    expect(anonymous.map(({ status }) => status)).toEqual([401, 401]);
    await expect(unknownColumn).rejects.toThrow();
  });

  it("makes one record of news that comes twice by every way, and none of a row that is gone", async () => {
    const systems = await makeTwoSystems();
    const gone = await systems.create("contacts", { lastname: "Birkholz" });
    await systems.create("contacts", { lastname: "Abendrot" });
    const heard = await systems.hear();
    const news = heard.flatMap((one) => (one.outcome === "queued" ? one.envelopes : []));
    await systems.world.queue.send(news.map((envelope) => ({ ...envelope, nonce: `again-${envelope.nonce}` })));
    await systems.world.drain();
    await systems.sweep();
    await systems.remove("contacts", gone);
    await systems.settle();
    await systems.sweep();

    expect(systems.world.profiles().map(({ lastName }) => lastName)).toEqual(["Abendrot"]);
  });

  it("holds every stand-in against what the vendors document, in a suite of its own", () => {
    const suites = readdirSync(new URL("../conformance", import.meta.url));
    const tests = (suite: string) =>
      readdirSync(new URL(`../conformance/${suite}`, import.meta.url)).filter((name) =>
        /\.(test|contract)\.ts$/.test(name),
      );

    for (const suite of ["dataverse", "campaign", "bus", "host", "tables", "clients"]) {
      expect(suites).toContain(suite);
      expect(tests(suite).length, suite).toBeGreaterThan(2);
    }
  });
});
