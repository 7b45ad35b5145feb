// What was done in a history, as the oracle is told of it: e-mail events with every version of their rows, contacts with what became of them, what
// users deleted. Written by history.ts from the outside; nothing here is the app's.

/** What a row says. */
export interface Content {
  type: "send" | "open" | "click" | "bounce";
  /** Key of the profile; empty: it has none. */
  key: string;
  /** When it happened (ISO). No two events of a history happened in the same second. */
  at: string;
  campaignName: string;
  deliveryName: string;
  url: string;
  /** Unique: by it an activity is recognised. */
  mirrorPageUrl: string;
  /** Of a bounce. */
  isHard: boolean;
}

/** A row as it stood from `seenAt` on (epoch ms), changed at `changedAt` (ISO) by Campaign's clock. */
export interface Version {
  content: Content;
  changedAt: string;
  seenAt: number;
}

/** An event. */
export interface Told {
  eventId: string;
  versions: Version[];
}

/** A contact. Times are epoch ms. */
export interface Person {
  id: string;
  bornAt: number;
  diedAt?: number;
  merged?: { at: number; into: string };
}

/** All of it. */
export interface Tale {
  events: Told[];
  people: Map<string, Person>;
  /** Mirror pages of activities that a user deleted; `sure`: the app had noted them for good long before. */
  deleted: Map<string, { sure: boolean }>;
}
