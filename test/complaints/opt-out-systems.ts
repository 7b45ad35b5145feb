// Two systems with one contact whose e-mail and phone opt-outs are mapped, and people who choose on either side.

import type { OptOutDirection } from "../../shared/optout/attributes.js";
import { documentOf, example, makeTwoSystems, type TwoSystems } from "./two-systems.js";

/** Two systems, and what the tests of opt-outs look at; `id` is the contact's. */
export interface OptOutSystems extends TwoSystems {
  id: string;
  now(): number;
  wait(ms: number): void;
  /** Somebody changes the profile inside Campaign. */
  inCampaign(values: Record<string, unknown>, key?: string): void;
  inDynamics(values: Record<string, unknown>): Promise<void>;
  profile(key?: string): Readonly<Record<string, unknown>> | undefined;
  row(id?: string): Promise<Record<string, unknown>>;
}

const minute = 60_000;

/** The contact is in Campaign, opted out of nothing, and the first pull is over. */
export async function makeOptOutSystems(direction: OptOutDirection): Promise<OptOutSystems> {
  const mapping = example("contact", {
    columns: { ...(documentOf("contact").columns as object), donotbulkemail: "boolean", donotphone: "boolean" },
    optOuts: { direction, attributes: { email: "donotbulkemail", phone: "donotphone" } },
  });
  const systems = await makeTwoSystems({ mappings: [mapping] });
  const { world, person } = systems;
  const id = await systems.create("contacts", { lastname: "Brief" });
  await systems.settle();
  await systems.pull();
  world.clock.advance(minute);
  return {
    ...systems,
    id,
    now: () => world.clock.now(),
    wait: (ms) => world.clock.advance(ms),
    inCampaign: (values, key = id) => void world.campaignCommand("edit", { resource: "profile", key, values }),
    inDynamics: (values) => systems.edit("contacts", id, values),
    profile: (key = id) => world.profiles().find(({ externalId }) => externalId === key),
    row: async (of = id) =>
      (await person.json({ operation: "look", path: `contacts(${of})?$select=donotbulkemail,donotphone` })) as Record<
        string,
        unknown
      >,
  };
}
