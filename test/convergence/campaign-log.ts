// What reached Campaign, seen from the wire, beside the app: every write with what the app's own state said at that moment. Who was asked to wait
// when is wait-log.ts. invariants.ts judges both.

import { createHash } from "node:crypto";
import { canonical } from "../../infra/local/campaign/engine/write.js";
import { placeOf, type TableName, tableNames } from "../../infra/local/scenarios/acme/mappings.js";
import type { SimCore, SimResponse } from "../../infra/local/sim/types.js";
import { isOptOutField } from "../../shared/mapping/opt-out-fields.js";
import type { EntityTable } from "../../shared/storage/entity-table.js";
import type { Outgoing, WireLog } from "./peers.js";
import { hosts } from "./registration.js";
import type { Trace } from "./trace.js";
import { makeWaitLog, type WaitLog } from "./wait-log.js";

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

/** The log. */
export interface CampaignLog extends WireLog, WaitLog {
  readonly writes: readonly Write[];
  /** Requests to Campaign's engine that have arrived. */
  readonly calls: number;
  /** A message says that the record be written whatever is known of it. */
  forced(table: string, key: string): void;
  /** The table of sync states, watched. */
  watch(states: EntityTable): EntityTable;
}

/** How long a parent may be gone before a child that is written counts as written without it. */
const graceMs = 30_000;

/** Makes an empty log over Campaign's core. */
export function makeCampaignLog(parts: {
  now: () => number;
  trace: Trace;
  core: () => SimCore;
  /** The version of the settings in force. */
  settingsVersion: () => Promise<number>;
}): CampaignLog {
  const { now, trace, core, settingsVersion } = parts;
  const writes: Write[] = [];
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
    ...makeWaitLog(now),
    writes,
    get calls() {
      return calls;
    },
    keyOf,
    async record(who, request, handle) {
      const address = request.url.host === hosts.campaign ? addressOf(request) : undefined;
      if (!address) return handle();
      calls += 1;
      const key = request.method === "GET" ? undefined : keyOf(request);
      const response = await handle();
      learnKeys(request, response);
      if (request.method === "GET" || key === undefined) return response;
      const { table } = address;
      const body = bodyOf(request);
      // Choices are written apart from the content; opt-outs/choices.ts holds them against what people chose.
      if (Object.keys(body).length > 0 && Object.keys(body).every(isOptOutField)) return response;
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
    interrupted(request) {
      interruptedOnes.add(request);
      const address = addressOf(request);
      const key = keyOf(request);
      if (address && key !== undefined) interruptions.add(`${address.table} ${key}`);
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
