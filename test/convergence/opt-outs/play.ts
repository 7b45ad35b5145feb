import type { OptOutDirection } from "../../../shared/optout/attributes.js";
import { type Features, type IngressVerdict, playSeed } from "../play.js";

const directions: readonly OptOutDirection[] = ["both", "toCampaign", "toDynamics", "both", "disabled"];

/** Plays a history of contacts that choose opt-outs on both sides; its direction goes by the seed. */
export function playOptOutSeed(seed: number, changes: Partial<Features> = {}): Promise<IngressVerdict> {
  const optOuts = directions[seed % directions.length];
  return playSeed(seed, { tables: ["contact"], acts: 60, optOuts, ...changes });
}
