import { z } from "zod";
import type { Instance } from "../instance.js";
import { recordEvents } from "./log.js";

const rate = z.number().min(0).max(1);
const deliverySchema = z.strictObject({
  campaign: z.string().default("2026SpringCamp"),
  delivery: z.string().default("DM1"),
  deliveryLabel: z.string().default("Spring delivery"),
  opened: rate.default(0.3),
  clicked: rate.default(0.1),
  hardBounced: rate.default(0.02),
  softBounced: rate.default(0.03),
});

/**
 * Sends one delivery to every profile that has an e-mail address and did not opt out; shares of them bounce, open, click (by the
 * world's random numbers). Answers how many of each.
 */
export function deliver(instance: Instance, body: unknown): Record<string, number> {
  const { opened, clicked, hardBounced, softBounced, ...names } = deliverySchema.parse(body);
  const optOut = instance.settings.optOutNames;
  const counts = { send: 0, bounce: 0, open: 0, click: 0, excluded: 0 };
  const table = instance.store.table("profile");
  for (const id of [...table.ids()]) {
    const { email, externalId, ...values } = table.get(id) ?? {};
    if (email === undefined || values[optOut] === true || values[`${optOut}Email`] === true) {
      counts.excluded += 1;
      continue;
    }
    const happen = (type: "send" | "open" | "click" | "bounce", more: Record<string, unknown> = {}): void => {
      recordEvents(instance, { type, email, externalId, ...names, ...more });
      counts[type] += 1;
    };
    const luck = instance.world.random();
    if (luck < hardBounced + softBounced) {
      happen("bounce", luck < hardBounced ? {} : { failure: "soft", reason: "mailboxFull" });
      continue;
    }
    happen("send");
    if (instance.world.random() < opened) happen("open");
    if (instance.world.random() < clicked) happen("click");
  }
  return counts;
}
