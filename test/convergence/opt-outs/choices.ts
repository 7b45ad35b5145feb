// Who chose what, when, in true time, and every write of ours held against it while it arrives: nobody may be opted in without a newer choice. Written apart
// from the product's rules; how a history ends is judged in judge.ts.

import type { SimCore, SimResponse } from "../../../infra/local/sim/types.js";
import type { Outgoing, WireLog } from "../peers.js";
import { hosts } from "../registration.js";
import type { Trace } from "../trace.js";
import type { Violation } from "../verdict.js";

/** The attributes of these histories: their columns in Dynamics, and what Campaign calls them. Push has no time there. */
export const kept = {
  email: { column: "donotemail", field: "blackListEmail" },
  phone: { column: "donotphone", field: "blackListPhone" },
  push: { column: "donotsendmm", field: "blackListPushnotification" },
} as const;
/** See `kept`. */
export type Kept = keyof typeof kept;
/** All of them. */
export const keptNames = Object.keys(kept) as Kept[];

/** A choice of a person, or of somebody on their behalf. `isLost`: made in the window that Campaign's lack of conditional writes leaves. */
export interface Choice {
  id: string;
  attribute: Kept;
  side: "dynamics" | "campaign";
  out: boolean;
  at: number;
  isLost: boolean;
  /** Of another contact, merged into this one: the product hears of it later. */
  isInherited: boolean;
}

/** The book of choices, and what watches the wire for opt-ins. */
export interface Choices extends Required<Pick<WireLog, "record" | "leaves">> {
  note(choice: Pick<Choice, "id" | "attribute" | "side" | "out">): void;
  /** Somebody who was opted out was merged into this contact. */
  inherits(id: string, attribute: Kept): void;
  /** Somebody was merged into this contact. */
  heir(id: string): void;
  /** What counts of this attribute of this contact, oldest first. */
  of(id: string, attribute: Kept): readonly Choice[];
  readonly violations: readonly Violation[];
  /** Writes of ours that changed an opt-out. */
  readonly written: number;
}

const rule = "nobody is opted in without a newer choice of a person";

/** Makes an empty book. `inner` is what else watches the wire. */
export function makeChoices(parts: {
  now: () => number;
  trace: Trace;
  direction: string;
  inner: Pick<WireLog, "record">;
  campaign: () => SimCore;
  dynamics: () => SimCore;
}): Choices {
  const { now, trace, direction, inner } = parts;
  const all: Choice[] = [];
  const violations: Violation[] = [];
  let written = 0;
  /** When a process last saw a profile, by process and profile; and what it had seen when a request left. */
  const seenAt = new Map<string, number>();
  const restsOn = new WeakMap<Outgoing, number | undefined>();
  const late = new WeakSet<Outgoing>();
  const heirs = new Set<string>();

  const of: Choices["of"] = (id, attribute) =>
    all.filter((choice) => choice.id === id && choice.attribute === attribute && !choice.isLost);

  const check = (id: string, attribute: Kept, side: Choice["side"], readAt: number): void => {
    const isKnown = ({ at, isInherited, side: of }: Choice): boolean =>
      !isInherited && (at <= readAt || (of === "dynamics" && side === "dynamics"));
    const known = of(id, attribute).filter(isKnown);
    const latest = (wanted: (choice: Choice) => boolean): number =>
      Math.max(Number.NEGATIVE_INFINITY, ...known.filter(wanted).map(({ at }) => at));
    // Campaign keeps no time of push: what was chosen there counts as oldest (shared/optout/README.md, rows 17 and 34).
    const isTimeless = (choice: Choice): boolean => attribute === "push" && choice.side === "campaign";
    const optedIn = latest((choice) => !choice.out && choice.side !== side);
    if (optedIn > latest((choice) => choice.out && !isTimeless(choice))) return;
    violations.push({ rule, what: `${side} was opted in to ${attribute}`, ids: [id] });
  };

  const watchProfile = async (who: string, request: Outgoing, id: string, handle: () => Promise<SimResponse>) => {
    const before = profileOf(parts.campaign(), id);
    const response = await inner.record(who, request, handle);
    if (request.method === "GET" && !late.has(request) && [200, 404].includes(response.status))
      seenAt.set(`${who} ${id}`, now());
    if (response.status >= 300 || request.method === "GET") return response;
    const readAt = restsOn.get(request);
    const lose = (isIn: boolean): void => {
      for (const choice of all) {
        const isAfter = readAt !== undefined && choice.at > readAt;
        if (choice.id === id && choice.side === "campaign" && isAfter && (isIn || choice.out)) choice.isLost = true;
      }
    };
    if (request.method === "DELETE") lose(true);
    for (const [attribute, out] of changesIn(request, (name) => kept[name].field, before)) {
      written += request.method === "POST" ? 0 : 1;
      trace.add("campaign", `${who}: ${attribute} ${out ? "out" : "in"}`, id);
      if (direction === "disabled")
        violations.push({ rule: "without a direction nothing is written", what: attribute, ids: [id] });
      if (out || request.method === "POST") continue;
      check(id, attribute, "campaign", readAt ?? Number.NEGATIVE_INFINITY);
      lose(false);
    }
    return response;
  };

  const watchContact = async (who: string, request: Outgoing, id: string, handle: () => Promise<SimResponse>) => {
    const before = contactOf(parts.dynamics(), id);
    const response = await inner.record(who, request, handle);
    if (response.status >= 300 || request.method !== "PATCH") return response;
    for (const [attribute, out] of changesIn(request, (name) => kept[name].column, before)) {
      written += 1;
      trace.add("dynamics", `${who}: ${attribute} ${out ? "out" : "in"}`, id);
      const isAllowed =
        direction === "both" || direction === "toDynamics" || (direction === "toCampaign" && out && heirs.has(id));
      if (!isAllowed)
        violations.push({
          rule: "nothing is written against the direction",
          what: `${attribute} in Dynamics`,
          ids: [id],
        });
      if (!out) check(id, attribute, "dynamics", restsOn.get(request) ?? Number.NEGATIVE_INFINITY);
    }
    return response;
  };

  return {
    violations,
    get written() {
      return written;
    },
    of,
    note(choice) {
      all.push({ ...choice, at: now(), isLost: false, isInherited: false });
    },
    inherits(id, attribute) {
      all.push({ id, attribute, side: "dynamics", out: true, at: now(), isLost: false, isInherited: true });
    },
    heir: (id) => void heirs.add(id),
    leaves(who, request, fault) {
      const id = profileIn(request) ?? contactIn(request);
      if (id === undefined) return;
      restsOn.set(request, seenAt.get(`${who} ${id}`));
      if (fault === "arrives late" || fault === "504 before it arrives") late.add(request);
    },
    record(who, request, handle) {
      const profile = profileIn(request);
      if (profile !== undefined) return watchProfile(who, request, profile, handle);
      const contact = contactIn(request);
      if (contact !== undefined) return watchContact(who, request, contact, handle);
      return inner.record(who, request, handle);
    },
  };
}

type Values = Readonly<Record<string, unknown>>;

/** The profile with this key; undefined: there is none. */
export function profileOf(campaign: SimCore, id: string): Values | undefined {
  const records = campaign.state("profile", new URLSearchParams()) as Iterable<{ record: Values }>;
  return [...records].map(({ record }) => record).find(({ externalId }) => externalId === id);
}

/** The row of this contact; undefined: there is none. */
export function contactOf(dynamics: SimCore, id: string): Values | undefined {
  const rows = dynamics.state("contacts", new URLSearchParams()) as Iterable<Values>;
  return [...rows].find(({ contactid }) => contactid === id);
}

function profileIn({ url }: Outgoing): string | undefined {
  if (url.host !== hosts.campaign) return undefined;
  return /\/profile\/([0-9a-f]{8}-[0-9a-f-]{27})$/.exec(url.pathname)?.[1];
}

function contactIn({ url, method }: Outgoing): string | undefined {
  if (url.host !== hosts.dynamics || method !== "PATCH") return undefined;
  return /\/contacts\(([0-9a-f-]{36})\)$/.exec(url.pathname)?.[1];
}

/** What of the kept opt-outs a body changes. */
function changesIn({ body }: Outgoing, nameOf: (name: Kept) => string, before: Values | undefined): [Kept, boolean][] {
  const fields = JSON.parse(body || "{}") as Values;
  return keptNames.flatMap((name) => {
    const value = fields[nameOf(name)];
    return typeof value === "boolean" && value !== (before?.[nameOf(name)] === true)
      ? [[name, value] as [Kept, boolean]]
      : [];
  });
}
