// One contact, one opt-out attribute, two systems with a clock each, and the real lane between them: small enough to be copied, so that every history can
// be played on from every point (test/flow/opt-out-histories.test.ts). All that is not the contact's is left out.

import { ConflictError, MissingError } from "../../shared/errors.js";
import { handleChange } from "../../shared/flows/handle-change.js";
import type { IngressPorts } from "../../shared/flows/ports.js";
import type { CompiledMapping } from "../../shared/mapping/compile.js";
import type { Envelope } from "../../shared/model/envelope.js";
import type { RowVersion } from "../../shared/model/ids.js";
import type { OptOutDirection } from "../../shared/optout/attributes.js";
import type { SyncState } from "../../shared/storage/sync-state.js";
import { openControl, openGates } from "./calm-ports.js";
import { aField, aMappingDocument, compiled } from "./mappings.js";
import { recordId } from "./samples.js";

/** A choice of a person, or of somebody on their behalf; `at` in true time. */
export interface HumanAct {
  side: "dynamics" | "campaign";
  out: boolean;
  at: number;
}

/** The whole world as plain data. Times in ms of true time, but those that a system keeps: they are by its own clock. */
export interface OptOutWorld {
  now: number;
  version: number;
  dynamics: { out: boolean; createdAt: number; changedAt: number; version: number } | undefined;
  campaign: { out: boolean; at: number | undefined } | undefined;
  state: { state: SyncState; etag: number } | undefined;
  /** Messages that are put off, or sent by the lane itself. */
  later: { envelope: Envelope; at: number }[];
  /** The time of Campaign's attribute when its move was last noticed. */
  noticedAt: number | undefined;
  /** A row as a load has read it, still on its way. */
  onItsWay: Envelope | undefined;
  acts: HumanAct[];
  /** What went wrong, in words. */
  wrong: string[];
  /** Writes of ours, to see loops. */
  writes: number;
}

/** What happens in the middle of a message: at the `call`-th call of a port. */
export type Interruption =
  | { call: number; kind: "kill before" | "kill after" }
  | { call: number; kind: "act"; act: (world: OptOutWorld) => void };

/** How the world is set up. `offsetMs`: how far Dynamics' clock is ahead of Campaign's. */
export interface OptOutSetting {
  direction: Exclude<OptOutDirection, "disabled">;
  offsetMs: number;
  skewMs: number;
}

const id = recordId(1);
const actMs = 10_000;
const callMs = 50;

class Killed extends Error {}

/**
 * Two worlds with one signature go on alike: it has every time by its order among all times and by its rough age (what is older than
 * the skew is old), versions by their order, of people's acts the last of each kind, and nothing that only a log would show.
 */
export function signatureOf(world: OptOutWorld, { skewMs }: OptOutSetting): string {
  const { now, dynamics, campaign, state, later, onItsWay, acts, wrong } = world;
  const lastOf = (side: HumanAct["side"], out: boolean): number | undefined =>
    acts.findLast((act) => act.side === side && act.out === out)?.at;
  const known = state?.state;
  const email = known?.optOuts?.attributes.email;
  const message = ({ kind, cause, version, row, force, attempt }: Envelope) =>
    [kind, cause, version && `v${version}`, row?.donotemail, force, attempt].join();
  const times = [
    dynamics?.changedAt,
    campaign?.at,
    lastOf("dynamics", true),
    lastOf("dynamics", false),
    lastOf("campaign", true),
    lastOf("campaign", false),
    email?.campaignAt,
    known?.intent?.until,
    known?.writtenAt,
    ...later.map(({ at }) => at),
    ...later.map(({ envelope }) => Date.parse(envelope.occurredAt)),
    onItsWay && Date.parse(onItsWay.occurredAt),
  ];
  const order = [...new Set([...times.filter((time) => time !== undefined), now])].sort((a, b) => a - b);
  const placed = times.map((time) =>
    time === undefined ? "-" : `${order.indexOf(time)}/${Math.max(-2, Math.min(4, Math.floor((now - time) / 5_000)))}`,
  );
  const text = JSON.stringify([
    dynamics && [dynamics.out, `v${dynamics.version}`, dynamics.createdAt === known?.optOuts?.createdAt],
    campaign?.out,
    campaign !== undefined,
    campaign?.at === world.noticedAt,
    Math.sign((campaign?.at ?? 0) - (dynamics?.changedAt ?? 0) - skewMs - 1_000),
    known && [known.present, known.version && `v${known.version}`, known.tombstone !== undefined, known.intent?.kind],
    known && [known.always, known.failing, known.out],
    known?.optOuts && [known.optOuts.version && `v${known.optOuts.version}`, known.optOuts.open],
    email && [email.dynamics, email.campaign],
    later.map(({ envelope }) => message(envelope)),
    onItsWay && message(onItsWay),
    wrong.length,
    placed,
  ]);
  const versions = [...new Set(text.match(/v\d+/g) ?? [])].sort();
  return text.replaceAll(/v\d+/g, (version) => `v${versions.indexOf(version)}`);
}

/** The mapping of such a world. */
export function optOutMapping({ direction, skewMs }: OptOutSetting): CompiledMapping {
  return compiled(
    aMappingDocument([aField()], {
      columns: { contactid: "id", lastname: "string", donotemail: "boolean" },
      optOuts: { direction, attributes: { email: "donotemail" }, skewSeconds: skewMs / 1_000 },
    }),
  );
}

/** A contact that has just come to Campaign, both sides in. */
export function newOptOutWorld(): OptOutWorld {
  return {
    now: Date.parse("2026-03-01T00:00:00Z"),
    version: 1_000,
    dynamics: {
      out: false,
      createdAt: Date.parse("2026-02-01T00:00:00Z"),
      changedAt: Date.parse("2026-02-01T00:00:00Z"),
      version: 1_000,
    },
    campaign: undefined,
    state: undefined,
    later: [],
    noticedAt: undefined,
    onItsWay: undefined,
    acts: [],
    wrong: [],
    writes: 0,
  };
}

/** Somebody chooses, or edits something else, in Dynamics. */
export function actInDynamics(world: OptOutWorld, { offsetMs }: OptOutSetting, out: boolean | undefined): void {
  world.now += actMs;
  if (!world.dynamics) return;
  world.version += 1;
  if (out !== undefined && out !== world.dynamics.out) world.acts.push({ side: "dynamics", out, at: world.now });
  world.dynamics = {
    ...world.dynamics,
    out: out ?? world.dynamics.out,
    changedAt: wholeSecond(world.now + offsetMs),
    version: world.version,
  };
}

/** Somebody chooses in Campaign. */
export function actInCampaign(world: OptOutWorld, out: boolean): void {
  world.now += actMs;
  if (!world.campaign || world.campaign.out === out) return;
  world.acts.push({ side: "campaign", out, at: world.now });
  world.campaign = { out, at: world.now };
}

/** The contact is deleted, or made anew under its id, as a new contact is: not opted out. */
export function deleteOrMake(world: OptOutWorld, { offsetMs }: OptOutSetting): void {
  world.now += actMs;
  world.version += 1;
  const at = wholeSecond(world.now + offsetMs);
  world.dynamics = world.dynamics ? undefined : { out: false, createdAt: at, changedAt: at, version: world.version };
}

/** What rings: a notice without row, a profile that moved, or the row that is on its way. */
export type Bell = "notice" | "moved" | "load" | "redrive" | "later";

/** Rings and has the lane handle it. Answers how many calls of ports that took; with an interruption, the world is as it is left then. */
export async function ring(
  world: OptOutWorld,
  setting: OptOutSetting,
  mapping: CompiledMapping,
  bell: Bell,
  interruption?: Interruption,
): Promise<number> {
  const envelope = envelopeOf(world, mapping, bell);
  if (!envelope) return 0;
  const calls = { count: 0 };
  const ports = portsOf(world, setting, mapping, calls, interruption);
  try {
    await handleChange(ports, envelope);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    // The bus delivers it again.
    world.later.push({ envelope, at: world.now });
  }
  return calls.count;
}

/** A load reads the row now; its message is on its way. */
export function readForLoad(world: OptOutWorld, mapping: CompiledMapping): void {
  world.onItsWay = world.dynamics && { ...bare(world, "upsert", "load"), ...rowOf(world, mapping) };
}

function envelopeOf(world: OptOutWorld, mapping: CompiledMapping, bell: Bell): Envelope | undefined {
  switch (bell) {
    case "notice":
      return world.dynamics
        ? { ...bare(world, "upsert", "notice"), ...rowOf(world, mapping) }
        : bare(world, "delete", "notice");
    case "moved": {
      if (!world.campaign || world.campaign.at === world.noticedAt) return undefined;
      world.noticedAt = world.campaign.at;
      return bare(world, "optout", "optout");
    }
    case "redrive":
      return { ...bare(world, "upsert", "redrive"), force: true };
    case "load":
      return world.onItsWay;
    case "later": {
      const next = world.later.shift();
      if (next) world.now = Math.max(world.now, next.at);
      return next?.envelope;
    }
  }
}

function bare(world: OptOutWorld, kind: Envelope["kind"], cause: Envelope["cause"]): Envelope {
  const occurredAt = new Date(world.now).toISOString();
  return { v: 1, table: "contact", id, kind, cause, attempt: 0, occurredAt, correlationId: "history" };
}

function rowOf({ dynamics }: OptOutWorld, { columnSet }: CompiledMapping): Partial<Envelope> {
  if (!dynamics) return {};
  const row = { contactid: id, lastname: "Brief", donotemail: dynamics.out, merged: false };
  return { row, columns: columnSet, version: String(dynamics.version) as RowVersion };
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}

/** Ports over the world's data. Every call takes a moment, and may be the one at which something happens. */
function portsOf(
  world: OptOutWorld,
  setting: OptOutSetting,
  mapping: CompiledMapping,
  calls: { count: number },
  interruption: Interruption | undefined,
): IngressPorts {
  let readAt = Number.POSITIVE_INFINITY;
  const step = async <T>(work: () => T): Promise<T> => {
    calls.count += 1;
    const now = interruption?.call === calls.count ? interruption : undefined;
    world.now += callMs;
    if (now?.kind === "act") now.act(world);
    if (now?.kind === "kill before") throw new Killed();
    const answer = work();
    if (now?.kind === "kill after") throw new Killed();
    return answer;
  };
  /** An opt-in of ours must rest on somebody's choice that is newer than everybody's opt-out, as far as it could be read. */
  const check = (side: "dynamics" | "campaign", out: boolean): void => {
    world.writes += 1;
    if (out) return;
    const known = world.acts.filter(({ at }) => at <= readAt);
    const latest = (wanted: (act: HumanAct) => boolean): number =>
      Math.max(0, ...known.filter(wanted).map(({ at }) => at));
    const isNewer = latest((act) => !act.out && act.side !== side) > latest((act) => act.out);
    if (!isNewer) world.wrong.push(`${side} was opted in against a newer opt-out, or without anybody's choice`);
  };
  const put = (out: boolean): void => {
    const before = world.campaign;
    world.campaign = { out, at: before?.out === out || (!before && !out) ? before?.at : world.now };
  };
  const unused = (name: string) => (): never => {
    throw new Error(`this world has no ${name}`);
  };
  return {
    binding: async () => ({ organizationId: id, campaignTenant: "acme", epoch: 1, createdAt: "" }),
    settings: {
      current: async () => ({ version: 1, mappings: new Map([["contact", mapping]]) }),
      atLeast: async () => ({ version: 1, mappings: new Map([["contact", mapping]]) }),
    },
    control: openControl(),
    gates: openGates(),
    clock: { now: () => world.now, sleep: async () => {} },
    fingerprintKey: "key",
    campaignBudgetMs: 4_000,
    ownTag: "acs-sync",
    checkpoints: { read: async () => undefined, save: unused("checkpoints"), list: unused("checkpoints") },
    failures: { report: async () => {}, resolve: async () => {} },
    links: {
      put: unused("links"),
      remove: unused("links"),
      of: async function* () {},
      shouldAsk: unused("links"),
    },
    campaignSource: { fetch: unused("reading of records"), readPage: unused("reading of records") },
    states: {
      read: () =>
        step(() => world.state && { state: structuredClone(world.state.state), etag: String(world.state.etag) }),
      save: (_table, _id, state, etag) =>
        step(() => {
          if (etag !== (world.state && String(world.state.etag))) throw new ConflictError("somebody saved since");
          world.state = { state: structuredClone(state), etag: (world.state?.etag ?? 0) + 1 };
          return String(world.state.etag);
        }),
      list: unused("listing"),
    },
    queue: {
      send: async (envelopes) => void world.later.push(...envelopes.map((envelope) => ({ envelope, at: world.now }))),
      schedule: async (envelope, at) => void world.later.push({ envelope, at }),
      sendBundles: unused("bundles"),
      depths: unused("depths"),
    },
    dynamics: {
      organizationId: unused("organisation"),
      existing: unused("reading by ids"),
      fetchRows: unused("reading by ids"),
      readChanges: unused("tracking"),
      readPage: unused("pages"),
      fetchRow: () =>
        step(() => {
          if (!world.dynamics) throw new MissingError("the row does not exist");
          const { row } = rowOf(world, mapping);
          const { version, changedAt, createdAt } = world.dynamics;
          return { id, version: String(version) as RowVersion, row: row ?? {}, changedAt, createdAt };
        }),
    },
    campaign: {
      insert: (_mapping, _key, fields) =>
        step(() => {
          if (world.campaign) throw new ConflictError("the key exists");
          put(fields.blackListEmail === true);
          return { mayEcho: false };
        }),
      update: () =>
        step(() => {
          if (!world.campaign) throw new MissingError("there is no such profile");
          return { mayEcho: false };
        }),
      remove: () =>
        step(() => {
          if (!world.campaign) throw new MissingError("there is no such profile");
          world.campaign = undefined;
          return { mayEcho: false };
        }),
    },
    optOuts: {
      campaign: {
        toFields: async (_mapping, values) => ({ blackListEmail: values.get("email") === true }),
        read: () =>
          step(() => {
            readAt = world.now;
            if (!world.campaign) return undefined;
            return new Map([["email" as const, { value: world.campaign.out, at: world.campaign.at }]]);
          }),
        write: (_mapping, _key, values) =>
          step(() => {
            if (!world.campaign) throw new MissingError("there is no such profile");
            const out = values.get("email") === true;
            check("campaign", out);
            put(out);
            return { mayEcho: false };
          }),
      },
      dynamics: {
        write: (_mapping, _id, columns, version) =>
          step(() => {
            if (!world.dynamics || String(world.dynamics.version) !== version)
              throw new ConflictError("another version");
            const out = columns.donotemail === true;
            check("dynamics", out);
            world.version += 1;
            const changedAt = wholeSecond(world.now + setting.offsetMs);
            world.dynamics = { ...world.dynamics, out, changedAt, version: world.version };
            return String(world.version) as RowVersion;
          }),
        masterOf: async () => undefined,
        lastOptIn: async () => undefined,
      },
      decisions: { note: () => step(() => undefined) },
    },
  };
}
