// Is what a profile of Campaign shows news, and the message that says so (design.md §5). Pure. Reading profiles is pull-opt-outs.ts.

import { createHash } from "node:crypto";
import type { CompiledMapping } from "../mapping/compile.js";
import { type Envelope, optOutNonce } from "../model/envelope.js";
import { parseRecordId, type RecordId } from "../model/ids.js";
import type { CampaignOptOut, RememberedOptOut, RememberedOptOuts } from "../optout/attributes.js";
import type { MovedProfile } from "./optout-source.js";
import { bareEnvelope } from "./sweep-envelopes.js";

/**
 * May the lane have something to do? Not where each attribute shows what is remembered of it: with the same time, or with any where both sides
 * agreed. An attribute of which nothing is remembered says nothing while it never changed. Whoever did not show its attributes always may have news.
 */
export function isNews(
  { optOuts }: MovedProfile,
  mapping: CompiledMapping,
  remembered: RememberedOptOuts | undefined,
): boolean {
  if (!optOuts || remembered?.open) return true;
  return (mapping.optOuts?.attributes ?? []).some(({ attribute }) => {
    const shown = optOuts.get(attribute);
    return shown !== undefined && differs(shown, remembered?.attributes[attribute]);
  });
}

function differs({ value, at }: CampaignOptOut, known: RememberedOptOut | undefined): boolean {
  if (known?.campaign === undefined) return value || at !== undefined;
  if (value !== known.campaign) return true;
  return known.dynamics !== known.campaign && at !== known.campaignAt;
}

/** The contact behind a profile; undefined: its key is no contact's. */
export function contactOf({ key }: MovedProfile): RecordId | undefined {
  try {
    return parseRecordId(key);
  } catch {
    return undefined;
  }
}

/** Tells what a profile shows from what it showed before. */
export function newsIdOf({ key, movedAt, optOuts }: MovedProfile): string {
  const shown = JSON.stringify([key, movedAt, ...(optOuts ?? [])]);
  return createHash("sha256").update(shown).digest("base64url");
}

/** "Compare this contact's opt-outs." The same message for the same news of one `run`; another for what the profile shows later. */
export function optOutEnvelope(
  mapping: CompiledMapping,
  id: RecordId,
  profile: MovedProfile,
  { run, settings }: { run: string; settings: number },
): Envelope {
  const nonce = optOutNonce(profile.key, newsIdOf(profile), run);
  return bareEnvelope(mapping, id, "optout", { cause: "optout", occurredAt: profile.movedAt, settings, nonce });
}
