import { ConflictError } from "../errors.js";
import { orderFullRead } from "./full-read.js";
import type { SettingsPorts } from "./ports.js";

/** Settings are at most a second old (SettingsSource); after this long nobody works by older ones than were in force before it, in ms. */
const everybodyKnowsMs = 2_000;
const attempts = 5;

/**
 * Orders the replays that the publication in force still owes, and answers of which tables. Waits first until every instance works by it: a
 * replay that an older version answered would find nothing changed. Called by the publisher and by every sweep, so that a publisher that died is
 * finished by others; twice orders twice, which costs time but nothing else.
 */
export async function finishPublication(
  ports: Pick<SettingsPorts, "versions" | "checkpoints" | "clock">,
): Promise<readonly string[]> {
  const from = await ports.versions.inForce();
  if (from.replays.length === 0) return [];
  await ports.clock.sleep(everybodyKnowsMs);
  for (const table of from.replays) await orderReplayOf(ports, table);
  try {
    await ports.versions.replaysOrdered(from.replays, from);
  } catch (error) {
    // Whoever published or finished meanwhile took them over.
    if (!(error instanceof ConflictError)) throw error;
  }
  return from.replays;
}

/** A sweep that moves the same checkpoint is only ever a moment faster. */
async function orderReplayOf(ports: Pick<SettingsPorts, "checkpoints" | "clock">, table: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await orderFullRead(ports, table, "changed");
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === attempts) throw error;
    }
  }
}
