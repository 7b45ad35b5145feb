// What reached Campaign, seen from the wire, beside the app: every write with what the app's own state said at that moment, and who was asked
// to wait when. invariants.ts judges it.

import { createHash } from "node:crypto";
import { canonical } from "../../infra/local/campaign/engine/write.js";
import { placeOf, type TableName, tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import type { SimCore, SimResponse } from "../../infra/local/sim/types.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import type { Outgoing } from "./peers.js";
import type { Trace } from "./trace.js";

/** A write that Campaign answered. */
export interface Write {
  at: number;
  who: string;
  method: string;
  table: TableName;
  key: string;
  status: number;
  /** Number of the act whose content this is; undefined when the body does not tell. */
  serial: number | undefined;
  hash: string;
  /** An earlier call for the record was interrupted, or its content was forgotten on purpose: it may be repeated. */
  mayRepeat: boolean;
  /** Campaign hides the record after this write, and its parent had not been there for a while. */
  orphan: boolean;
}

/** A request that was started although its sender, or somebody in the same deployment, had been asked to wait. */
export interface Breach {
  at: number;
  who: string;
  host: string;
  /** Asked by whom, when, until when. */
  told: { who: string; status: number; at: number; until: number };
}

/** The log. */
export interface CampaignLog {
  readonly writes: readonly Write[];
  readonly breaches: readonly Breach[];
  /** Requests to Campaign's engine that have arrived. */
  readonly calls: number;
  record(who: string, request: Outgoing, handle: () => Promise<SimResponse> | SimResponse): Promise<SimResponse>;
  /** Record key a write is about, if the request tells. */
  keyOf(request: Outgoing): string | undefined;
  /** A message says that the record be written whatever is known of it. */
  forced(table: string, key: string): void;
  /** Has the same sender had a success with the same content since? Then this request is an echo of a call that is over. */
  isEcho(who: string, request: Outgoing, since: number): boolean;
  /** The answer to this write will not reach its sender. */
  interrupted(request: Outgoing): void;
  sent(who: string, host: string, isToken: boolean): void;
  received(who: string, host: string, status: number, headers: Readonly<Record<string, string>>): void;
  /** A process has died: what it was told within the last second it could not tell the others. */
  died(who: string): void;
  /** The table of sync states, watched. */
  watch(states: EntityTable): EntityTable;
}

/** Others know within this time what one process was told. */
const sharedWithinMs = 1_000;
/** How long a parent may be gone before a child that is written counts as written without it. */
const graceMs = 30_000;

/** Makes an empty log over Campaign's core. */
export function makeCampaignLog(parts: {
  now: () => number;
  trace: Trace;
  core: () => SimCore;
  /** The version of the settings in force. */
  settingsVersion: () => Promise<number>;
  /** Does a 503 with Retry-After open a window, as a 429 does? */
  after503: boolean;
}): CampaignLog {
  const { now, trace, core, settingsVersion, after503 } = parts;
  const writes: Write[] = [];
  const breaches: Breach[] = [];
  const told: (Breach["told"] & { host: string })[] = [];
  const keysByPKey = new Map<string, string>();
  const repeatable = new Map<string, boolean>();
  const interruptions = new Set<string>();
  const interruptedOnes = new WeakSet<Outgoing>();
  const forced = new Set<string>();
  const seenVehicles = new Map<string, number>();
  let calls = 0;

  const addressOf = ({ url }: Outgoing): { table: TableName; key: string | undefined } | undefined => {
    // /<organisation>/campaign/<api>/<resource>[/<key>]
    const [, , , , resource, key] = url.pathname.split("/");
    const table = tableNames.find((name) => placeOf[name].resource === resource);
    if (!table) return undefined;
    const decoded = key === undefined ? undefined : decodeURIComponent(key);
    return { table, key: decoded?.startsWith("@") ? keysByPKey.get(decoded) : decoded };
  };
  const bodyOf = ({ body }: Outgoing): Record<string, unknown> => {
    try {
      return JSON.parse(body || "{}") as Record<string, unknown>;
    } catch {
      return {};
    }
  };
  const hashOf = (request: Outgoing): string =>
    createHash("sha256")
      .update(`${request.method} ${keyOf(request) ?? ""} ${canonical(bodyOf(request))}`)
      .digest("hex");
  const keyOf = (request: Outgoing): string | undefined => {
    const given = bodyOf(request).externalId;
    return typeof given === "string" ? given : addressOf(request)?.key;
  };
  const heldBy = (table: TableName, key: string): { hidden: boolean; record: Record<string, unknown> } | undefined => {
    const found = core().state(placeOf[table].resource, new URLSearchParams({ key }));
    const [first] = [...(found as Iterable<{ hidden: boolean; record: Record<string, unknown> }>)];
    return first;
  };
  const isOrphan = (table: TableName, key: string): boolean => {
    if (table !== "acme_visit") return false;
    const held = heldBy(table, key);
    const parent = String(held?.record.vehicleExternalId ?? "");
    if (!held?.hidden || parent === "") return false;
    return (seenVehicles.get(parent) ?? Number.NEGATIVE_INFINITY) < now() - graceMs;
  };
  const learnKeys = (request: Outgoing, response: SimResponse): void => {
    const asked = request.url.searchParams.get("externalId_parameter");
    if (request.method !== "GET" || asked === null || response.status !== 200) return;
    const list = JSON.parse(response.body) as { content?: { href: string }[] };
    for (const { href } of list.content ?? []) keysByPKey.set(decodeURIComponent(href.split("/").at(-1) ?? ""), asked);
  };

  return {
    writes,
    breaches,
    get calls() {
      return calls;
    },
    keyOf,
    async record(who, request, handle) {
      const address = addressOf(request);
      if (!address) return handle();
      calls += 1;
      const key = request.method === "GET" ? undefined : keyOf(request);
      const response = await handle();
      learnKeys(request, response);
      if (request.method === "GET" || key === undefined) return response;
      const { table } = address;
      const body = bodyOf(request);
      const name = `${table} ${key}`;
      const mayRepeat =
        forced.has(name) || (repeatable.get(name) ?? true) || interruptions.has(name) || interruptedOnes.has(request);
      const done = response.status < 300;
      const write: Write = {
        at: now(),
        who,
        method: request.method,
        table,
        key,
        status: response.status,
        serial: serialOf(table, body),
        hash: hashOf(request),
        mayRepeat,
        orphan: done && request.method !== "DELETE" && isOrphan(table, key),
      };
      writes.push(write);
      if (done) forced.delete(name);
      // An interrupted request itself may be the one that has just arrived.
      if (done && !interruptedOnes.has(request)) interruptions.delete(name);
      const said = done ? "" : `: ${response.body.slice(0, 160).replaceAll("\n", " ")}`;
      trace.add(
        "campaign",
        `${who}: ${request.method} ${table} content #${write.serial ?? "-"} → ${response.status}${said}`,
        key,
      );
      if (table === "acme_vehicle" && done) {
        // Deleted: it was there until now.
        seenVehicles.set(key, request.method === "DELETE" ? now() : Number.POSITIVE_INFINITY);
      }
      return response;
    },
    forced: (table, key) => void forced.add(`${table} ${key}`),
    isEcho: (who, request, since) =>
      writes.some(
        (write) => write.at >= since && write.who === who && write.status < 300 && write.hash === hashOf(request),
      ),
    interrupted(request) {
      interruptedOnes.add(request);
      const address = addressOf(request);
      const key = keyOf(request);
      if (address && key !== undefined) interruptions.add(`${address.table} ${key}`);
    },
    sent(who, host, isToken) {
      if (isToken) return;
      const at = now();
      // Own windows count from their first moment, those of others a second later.
      const broken = told.find(
        (one) => one.host === host && at < one.until && (one.who === who ? at > one.at : at > one.at + sharedWithinMs),
      );
      if (broken) breaches.push({ at, who, host, told: broken });
    },
    received(who, host, status, headers) {
      const seconds = Number(headers["retry-after"]);
      if ((status !== 429 && !(after503 && status === 503)) || !Number.isFinite(seconds)) return;
      told.push({ who, host, status, at: now(), until: now() + seconds * 1000 });
    },
    died(who) {
      const kept = told.filter((one) => one.who !== who || one.at < now() - sharedWithinMs);
      told.splice(0, told.length, ...kept);
    },
    watch(states) {
      const note = async (
        partition: string,
        row: string,
        before: Readonly<Record<string, unknown>>,
        after: Readonly<Record<string, unknown>>,
      ): Promise<void> => {
        if (after.intentUntil === undefined) return;
        const table = partition.replace(/-\d+$/, "");
        const forgotten =
          before.always === undefined ||
          before.insertOnly === undefined ||
          before.settings !== (await settingsVersion()) ||
          before.present !== true;
        repeatable.set(`${table} ${row}`, before.intentUntil !== undefined || forgotten);
      };
      return {
        ...states,
        async insert(partition, row, values) {
          const etag = await states.insert(partition, row, values);
          await note(partition, row, {}, values);
          return etag;
        },
        async replace(partition, row, values, etag) {
          const before = (await states.get(partition, row))?.values ?? {};
          const next = await states.replace(partition, row, values, etag);
          await note(partition, row, before, values);
          return next;
        },
      };
    },
  };
}

/** Every act writes its number into one mapped column of its row (history.ts); here it is again. */
function serialOf(table: TableName, body: Record<string, unknown>): number | undefined {
  const text = {
    contact: body.fax,
    acme_dealer: body.rating,
    acme_vehicle: /\d+$/.exec(String(body.vehicleName ?? ""))?.[0],
    acme_visit: body.amount,
  }[table];
  const serial = Number(text);
  return text === undefined || text === "" || Number.isNaN(serial) ? undefined : serial;
}
