import { describe, expect, it } from "vitest";
import { makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import { contactId, inventContact } from "../../infra/local/scenarios/contacts.js";
import type { SimRequest, SimResponse } from "../../infra/local/sim/types.js";
import { makeDynamicsSource } from "../../shared/dataverse/source.js";
import { ThrottledError } from "../../shared/errors.js";
import type { DynamicsSource } from "../../shared/flows/ports.js";
import { makeHttpClient, type Transport } from "../../shared/http/client.js";
import { shippedMappings } from "../../shared/mapping/shipped.js";
import { parseRecordId } from "../../shared/model/ids.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { lowerCased, toSimRequest } from "../support/core-http.js";
import { makeIngressWorld } from "../support/ingress-world.js";
import { anEnvelope, recordId } from "../support/samples.js";
import { type TimerClock, timerClock } from "../support/timer-clock.js";
import { openFailures } from "./two-systems.js";

const contact = shippedMappings().get("contact");
const readMs = 200;

/** A Dynamics with contacts that answers 429 to the fifth request at once; `hits` are requests that went out although it had asked to wait. */
async function busyDynamics(): Promise<{
  clock: TimerClock;
  source: DynamicsSource;
  refused(): number;
  hits(): number;
}> {
  const clock = timerClock("2026-03-01T00:00:00Z");
  const world = {
    now: clock.now,
    random: () => 0.5,
    later: (_ms: number, run: () => void) => run(),
    post: async () => 202,
  };
  const core = makeDataverseCore(world, { switches: { limits: "on", limitConcurrent: 4 } });
  await core.command?.("seed", { set: "contacts", rows: Array.from({ length: 12 }, (_, n) => inventContact(n)) });
  let [closedUntil, refused, hits] = [0, 0, 0];
  const answer = async (request: SimRequest): Promise<SimResponse> => {
    const entered = core.enter?.(request);
    if (typeof entered === "object") return entered;
    await clock.sleep(readMs);
    const response = await core.handle(request);
    entered?.();
    return response;
  };
  const transport: Transport = async (request) => {
    if (clock.now() < closedUntil) hits += 1;
    const { status, headers: said, body: text } = await answer(toSimRequest(request));
    if (status === 429) {
      refused += 1;
      closedUntil = Math.max(closedUntil, clock.now() + Number(said["retry-after"]) * 1_000);
    }
    return { status, headers: lowerCased(said), text };
  };
  const url = new URL("http://dataverse.test");
  const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...LOCAL_APPS.integration };
  const http = makeHttpClient({ clock, random: () => 0.5, transport });
  const source = makeDynamicsSource(makeDynamicsClient({ dynamics: { url, auth } }, http, clock));
  return { clock, source, refused: () => refused, hits: () => hits };
}

describe("B15: a 429 for too many requests at once is thrown at the caller, and nobody tries again", () => {
  it("brings every one of many parallel reads to an answer, and sends none while Dynamics asks to wait", async () => {
    if (!contact) throw new Error("no mapping");
    const { clock, source, refused, hits } = await busyDynamics();
    await clock.run(source.organizationId());

    const ids = Array.from({ length: 12 }, (_, number) => parseRecordId(contactId(number)));
    const rows = await clock.run(Promise.all(ids.map((id) => source.fetchRow(contact, id))));

    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(refused()).toBeGreaterThan(0);
    expect(hits()).toBe(0);
  });

  it("delays the message, at no cost of an attempt, when Campaign asks for longer than one call may take", async () => {
    const world = await makeIngressWorld();
    const { insert } = world.ports.campaign;
    let refusals = 0;
    world.ports.campaign.insert = async (...given) => {
      refusals += 1;
      if (refusals <= 12) throw new ThrottledError("campaign answered 429", 60_000, { system: "campaign" });
      return insert(...given);
    };
    const version = world.dynamics.put(recordId(1), { lastname: "Abendrot" });

    await world.queue.send([anEnvelope({ version })]);
    const before = world.clock.now();
    await world.drain();

    expect(world.profiles()).toMatchObject([{ lastName: "Abendrot" }]);
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(12 * 60_000);
    expect(await openFailures(world)).toEqual([]);
  });
});
