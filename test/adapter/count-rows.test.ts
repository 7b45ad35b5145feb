import { beforeEach, describe, expect, it } from "vitest";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { inventContact } from "../../infra/local/scenarios/contacts.js";
import { makeRowCounter } from "../../shared/dataverse/count-rows.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "../support/core-http.js";
import { type FixedClock, fixedClock } from "../support/fixed-clock.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";

let clock: FixedClock;
let core: DataverseCore;

beforeEach(async () => {
  clock = fixedClock("2026-03-01T00:00:00Z");
  core = makeDataverseCore(coreWorld(clock));
  const rows = Array.from({ length: 12 }, (_, number) => inventContact(number));
  await core.command?.("seed", { set: "contacts", rows });
});

function counterAs(app: { clientId: string; clientSecret: string }) {
  const url = new URL("http://dataverse.test");
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...app };
  const http = coreHttp({ "dataverse.test": core }, clock);
  return makeRowCounter(makeDynamicsClient({ dynamics: { url, auth } }, http, clock));
}

describe("counting a table's rows", () => {
  it("answers what Dataverse's own snapshot says", async () => {
    const contact = shippedMappings().get("contact");
    if (!contact) throw new Error("no mapping");

    expect(await counterAs(LOCAL_APPS.integration)(contact)).toBe(12);
  });

  it("answers nothing, and no error, for a table that Dataverse does not know", async () => {
    const table = { name: "acme_nothing", set: "acme_nothings", id: "acme_nothingid" };
    const columns = { acme_nothingid: "id", lastname: "string" };
    const mapping = compiled(aMappingDocument([aField()], { table, columns }));

    expect(await counterAs(LOCAL_APPS.integration)(mapping)).toBeUndefined();
  });

  it("throws what keeps Dataverse from being asked: an estimate that hides it would mislead", async () => {
    const contact = shippedMappings().get("contact");
    if (!contact) throw new Error("no mapping");
    const wrong = { ...LOCAL_APPS.integration, clientSecret: "wrong" };

    await expect(counterAs(wrong)(contact)).rejects.toMatchObject({ kind: "auth" });
  });
});
