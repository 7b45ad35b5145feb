// Change tracking: the first tracked read, delta links and their pages; facts/dataverse.md §4.
import type { SimResponse } from "../../sim/types.js";
import { badQuery, ODataError } from "../errors.js";
import type { Table } from "../model/table.js";
import type { QueryOptions } from "../odata/query-options.js";
import { jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import type { Row } from "../store/row-store.js";
import { parseSkipToken, replaceOptions, toSkipToken } from "./cookie.js";
import { makeProjector, selectedColumns } from "./project.js";
import { pageSizeOf } from "./read-rows.js";

const FORBIDDEN = ["$filter", "$orderby", "$expand", "$top"];
const DAY_MS = 86_400_000;
const DEFAULT_EXPIRY_DAYS = 7;

const two = (number: number): string => String(number).padStart(2, "0");

/** `919042!08/22/2017 08:10:44`: a version, and when it was the last one. */
export function toDeltaToken(version: number, nowMs: number): string {
  const at = new Date(nowMs);
  const day = `${two(at.getUTCMonth() + 1)}/${two(at.getUTCDate())}/${at.getUTCFullYear()}`;
  return `${version}!${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

const encodeToken = (token: string): string =>
  token.replaceAll("!", "%21").replaceAll("/", "%2f").replaceAll(" ", "%20").replaceAll(":", "%3a");

/** How many days a delta token is good for: a switch, the organisation's setting, or the documented default. */
const expiryDaysOf = ({ org }: Session): number => {
  const setting = org.database.rows("organization").get(org.organizationId())?.expirechangetrackingindays;
  return org.switches.changeTrackingExpiryDays ?? (typeof setting === "number" ? setting : DEFAULT_EXPIRY_DAYS);
};

/** The version a delta token stands for. Throws 0x80044352 when it is too old, was expired by command, or by a changed definition. */
export function readDeltaToken(session: Session, table: Table, text: string): number {
  const parts = /^(\d+)!(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d):(\d\d)$/.exec(text);
  if (!parts) throw badQuery(`The delta token '${text}' is not valid.`);
  const [version = 0, month = 1, day = 1, year = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const issuedMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const { database } = session.org;
  const byCommand = Number(database.kept("setting").get("deltaTokensExpiredUpTo") ?? -1);
  const byDefinition = Number(database.kept("schemaChanged").get(table.name) ?? -1);
  const tooOld = session.org.world.now() - issuedMs > expiryDaysOf(session) * DAY_MS;
  if (tooOld || version <= Math.max(byCommand, byDefinition)) {
    throw new ODataError(
      session.org.switches.expiredStatus,
      "0x80044352",
      "Version stamp associated with the client has expired. Please perform a full sync.",
    );
  }
  return version;
}

/** Refuses what cannot go with change tracking. */
export function checkTracked(table: Table, options: QueryOptions): void {
  for (const name of FORBIDDEN) {
    if (options.given.has(name))
      throw badQuery(`The "${name}" query parameter isn't supported when Change Tracking is enabled.`);
  }
  if (!table.changeTracking) {
    throw badQuery(
      `Change tracking is not enabled for the entity '${table.name}'. Enable change tracking for this entity and try again.`,
    );
  }
}

/** What is left of a delta: rows above a version, then deletions above one. */
interface DeltaState {
  /** Version the token of the whole read started from; -1 for a first read. */
  from: number;
  /** Version when its first page was read. */
  first: number;
  phase: "rows" | "deletions";
  at: number | string | undefined;
}

type Item = { row: Row } | { deleted: string; version: number };

function* itemsFrom(session: Session, table: Table, options: QueryOptions, state: DeltaState): Generator<Item> {
  const store = session.org.database.rows(table.name);
  if (state.phase === "rows") {
    const byId = state.from < 0 && session.org.switches.pageOrder === "id";
    const rows = byId
      ? store.after(typeof state.at === "string" ? state.at : undefined)
      : store.changedSince(typeof state.at === "number" ? state.at : state.from);
    const names = new Set(selectedColumns(table, options.select).map(({ name }) => name));
    const narrowed = state.from >= 0 && session.org.switches.selectNarrowsChanges && options.select !== undefined;
    for (const row of rows) {
      if (
        narrowed &&
        !session.org.columnVersions.changedSince(table.name, String(row[table.primaryId]), names, state.from)
      )
        continue;
      yield { row };
    }
  }
  if (state.from < 0) return;
  const deletedAbove = state.phase === "deletions" && typeof state.at === "number" ? state.at : state.from;
  for (const { id, version } of store.deletedSince(deletedAbove)) yield { deleted: id, version };
}

/** How many changes a delta token has before it: `GET <set>/$count?$deltatoken=...`. */
export function countChanges(session: Session, table: Table, options: QueryOptions, deltaToken: string): number {
  checkTracked(table, options);
  const from = readDeltaToken(session, table, deltaToken);
  let count = 0;
  for (const _item of itemsFrom(session, table, options, { from, first: 0, phase: "rows", at: undefined })) count += 1;
  return count;
}

/** Answers a tracked read: the first one, its pages, a delta link, and its pages. */
export function readChanges(session: Session, table: Table, options: QueryOptions): SimResponse {
  checkTracked(table, options);
  const { database, switches, world } = session.org;
  const position = options.skipToken === undefined ? undefined : parseSkipToken(options.skipToken);
  const from = options.deltaToken === undefined ? -1 : readDeltaToken(session, table, options.deltaToken);
  const state: DeltaState = position
    ? (position.state as unknown as DeltaState)
    : { from, first: database.version(), phase: "rows", at: undefined };
  const project = makeProjector(session, table, options);
  const size = pageSizeOf(session);
  const value: unknown[] = [];
  let last: Item | undefined;
  let more = false;
  for (const item of itemsFrom(session, table, options, state)) {
    if (value.length === size) {
      more = true;
      break;
    }
    last = item;
    value.push("row" in item ? project(item.row) : toDeletion(session, table, item.deleted));
  }
  const link = (replaced: Record<string, string | undefined>): string =>
    `${session.apiUrl}/${table.setName}?${replaceOptions(session.request.search, replaced)}`;
  const nextLink = (): string => {
    const next: DeltaState = { ...state, ...positionOf(table, last, state.from < 0 && switches.pageOrder === "id") };
    const pageNumber = (position?.pageNumber ?? 1) + 1;
    return link({ $skiptoken: toSkipToken({ pageNumber, tracking: true, state: { ...next } }) });
  };
  const deltaLink = (): string => {
    const version = switches.deltaTokenAt === "first" ? state.first : database.version();
    const query = replaceOptions(session.request.search, { $skiptoken: undefined, $deltatoken: undefined });
    const token = `$deltatoken=${encodeToken(toDeltaToken(version, world.now()))}`;
    return `${session.apiUrl}/${table.setName}?${query ? `${query}&` : ""}${token}`;
  };
  const hidden = switches.annotationsHideDeltaLink && session.preferences.annotations;
  const names = options.select ? `(${options.select.join(",")})` : "";
  return jsonResponse(
    session,
    200,
    {
      "@odata.context": `${session.apiUrl}/$metadata#${table.setName}${names}/$delta`,
      ...(more ? {} : hidden ? {} : { "@odata.deltaLink": deltaLink() }),
      value,
      ...(more ? { "@odata.nextLink": nextLink() } : {}),
    },
    { streaming: true },
  );
}

const positionOf = (table: Table, last: Item | undefined, byId: boolean): Pick<DeltaState, "phase" | "at"> => {
  if (!last) return { phase: "rows", at: undefined };
  if ("deleted" in last) return { phase: "deletions", at: last.version };
  return { phase: "rows", at: byId ? String(last.row[table.primaryId]) : last.row.versionnumber };
};

const toDeletion = (session: Session, table: Table, id: string) => ({
  "@odata.context": `${session.apiUrl}/$metadata#${table.setName}/$deletedEntity`,
  id,
  reason: "deleted",
});
