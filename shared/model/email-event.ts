// One e-mail event of Campaign as egress handles it, from whichever source, and the activity it becomes in Dynamics. Pure.

import { createHash } from "node:crypto";
import type { RecordId } from "./ids.js";

/** Kinds of events, each with an activity table of its own. Bounces are hard bounces only. */
export const eventTypes = ["send", "open", "click", "bounce"] as const;
/** See `eventTypes`. */
export type EventType = (typeof eventTypes)[number];

/** An event. Texts are empty where Campaign has none; instants are ISO, UTC. */
export interface EmailEvent {
  /** Unique over all types, e.g. `S-4711`. */
  id: string;
  type: EventType;
  /** When it happened. */
  at: string;
  /** Key of the profile: the contact's id, in the spelling of Campaign. */
  contactKey: string;
  campaignName: string;
  deliveryName: string;
  /** Clicks only. */
  url: string;
  mirrorPageUrl: string;
  /** When the row that says so last changed, in the source's own order: later never reads earlier. */
  changedAt: string;
}

const namespace = "6f1f6a0e-6f4c-5a8e-9a57-0d2f5a7c3b11";

/** Id of the activity of an event: the same for the same event, whoever asks and however often (UUID v5). */
export function activityIdOf({ type, id }: Pick<EmailEvent, "type" | "id">): RecordId {
  return uuidV5(`${type}/${id}`);
}

/** Id of the follow-up task of an event (UUID v5). */
export function taskIdOf({ type, id }: Pick<EmailEvent, "type" | "id">): RecordId {
  return uuidV5(`task/${type}/${id}`);
}

/** The id that belongs to a name, in a namespace of our own (RFC 9562 §5.5). */
export function uuidV5(name: string): RecordId {
  const bytes = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}` as RecordId;
}
