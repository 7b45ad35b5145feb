// Lists of rows: filter, order, page, count; facts/dataverse.md §3. Change tracking is in read-changes.ts.
import type { SimResponse } from "../../sim/types.js";
import { badQuery } from "../errors.js";
import type { Table } from "../model/table.js";
import { compileFilter } from "../odata/compile.js";
import type { QueryOptions } from "../odata/query-options.js";
import { jsonResponse } from "../respond.js";
import type { Session } from "../session.js";
import type { Row } from "../store/row-store.js";
import { findCandidates } from "./candidates.js";
import { parseSkipToken, replaceOptions, toSkipToken } from "./cookie.js";
import { makeProjector } from "./project.js";
import { makeRowResolver } from "./row-resolver.js";
import { makeSort, type SortKey } from "./sort-rows.js";

/** Where a list comes from: the whole table, or (behind a navigation property) some rows of it. */
export interface RowSource {
  table: Table;
  rows?: Iterable<Row>;
  /** Path of the list below the API's address, for links. */
  path: string;
}

/** The most rows a page of this request holds. */
export const pageSizeOf = ({ preferences, org }: Session): number =>
  Math.min(preferences.maxPageSize ?? org.switches.maxPageSize, org.switches.maxPageSize);

/** `#contacts` or `#contacts(firstname,lastname)`. */
export const contextOf = (session: Session, setName: string, { select, expand }: QueryOptions): string => {
  const names = [...(select ?? []), ...expand.map(({ navigation }) => `${navigation}()`)];
  return `${session.apiUrl}/$metadata#${setName}${names.length > 0 ? `(${names.join(",")})` : ""}`;
};

/** A test of the request's filter. */
export function makeRowTest(session: Session, table: Table, options: QueryOptions): (row: Row) => boolean {
  if (!options.filter) return () => true;
  const { database, world } = session.org;
  return compileFilter(
    options.filter,
    makeRowResolver(table, { database, nowMs: world.now(), userId: session.caller.userId }),
  );
}

function* rowsInPageOrder(
  session: Session,
  source: RowSource,
  options: QueryOptions,
  state: Record<string, unknown>,
): Generator<Row> {
  const { table } = source;
  const store = session.org.database.rows(table.name);
  const lastId = typeof state.id === "string" ? state.id : undefined;
  const candidates =
    options.filter && !source.rows ? findCandidates(options.filter, table, session.org.database) : undefined;
  if (source.rows || candidates) {
    const rows = source.rows ?? [...(candidates ?? [])].flatMap((id) => store.get(id) ?? []);
    const idOf = (row: Row): string => String(row[table.primaryId]);
    const sorted = [...rows].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    for (const row of sorted) if (lastId === undefined || idOf(row) > lastId) yield row;
  } else if (session.org.switches.pageOrder === "version") {
    yield* store.changedSince(typeof state.version === "number" ? state.version : 0);
  } else yield* store.after(lastId);
}

/** One page of matching rows, and where the next begins. */
interface Page {
  rows: Row[];
  next: Record<string, unknown> | undefined;
}

function unorderedPage(
  session: Session,
  source: RowSource,
  options: QueryOptions,
  state: Record<string, unknown>,
  size: number,
): Page {
  const test = makeRowTest(session, source.table, options);
  const rows: Row[] = [];
  for (const row of rowsInPageOrder(session, source, options, state)) {
    if (!test(row)) continue;
    if (rows.length === size) {
      const last = rows.at(-1);
      return { rows, next: { id: last?.[source.table.primaryId], version: last?.versionnumber } };
    }
    rows.push(row);
  }
  return { rows, next: undefined };
}

function orderedPage(
  session: Session,
  source: RowSource,
  options: QueryOptions,
  state: Record<string, unknown>,
  size: number,
): Page {
  const { database, world } = session.org;
  const resolver = makeRowResolver(source.table, { database, nowMs: world.now(), userId: session.caller.userId });
  const { keyOf, compare } = makeSort(options.orderBy, resolver, source.table.primaryId);
  const after = Array.isArray(state.key) ? (state.key as SortKey) : undefined;
  const test = makeRowTest(session, source.table, options);
  const keyed: { row: Row; key: SortKey }[] = [];
  for (const row of rowsInPageOrder(session, source, options, {})) {
    if (!test(row)) continue;
    const key = keyOf(row);
    if (!after || compare(key, after) > 0) keyed.push({ row, key });
  }
  keyed.sort((a, b) => compare(a.key, b.key));
  return {
    rows: keyed.slice(0, size).map(({ row }) => row),
    next: keyed.length > size ? { key: keyed[size - 1]?.key } : undefined,
  };
}

/** Matching rows, counted up to a cap. */
export function countRows(session: Session, source: RowSource, options: QueryOptions, cap: number): number {
  const { database } = session.org;
  if (!options.filter && !source.rows) return Math.min(database.rows(source.table.name).size, cap);
  const test = makeRowTest(session, source.table, options);
  let count = 0;
  for (const row of rowsInPageOrder(session, source, options, {})) {
    if (test(row)) count += 1;
    if (count >= cap) break;
  }
  return count;
}

/** Answers `GET <set>` with one page. */
export function readRows(session: Session, source: RowSource, options: QueryOptions): SimResponse {
  const { table } = source;
  const { preferences, org } = session;
  const position = options.skipToken === undefined ? undefined : parseSkipToken(options.skipToken);
  if (position?.tracking) throw badQuery("Malformed XML in the Paging Cookie");
  const project = makeProjector(session, table, options);
  // $top together with maxpagesize: $top is ignored (facts/dataverse.md §3).
  const top = preferences.maxPageSize === undefined ? options.top : undefined;
  const size = Math.min(pageSizeOf(session), top ?? Number.POSITIVE_INFINITY);
  const state = position?.state ?? {};
  const makePage = options.orderBy.length > 0 ? orderedPage : unorderedPage;
  const page: Page = size === 0 ? { rows: [], next: undefined } : makePage(session, source, options, state, size);
  const count = options.count ? countRows(session, source, options, org.switches.countCap) : undefined;
  const annotate = (name: string, value: unknown) =>
    preferences.wantsAnnotation(`Microsoft.Dynamics.CRM.${name}`) ? { [`@Microsoft.Dynamics.CRM.${name}`]: value } : {};
  const nextLink = (next: Record<string, unknown>): string => {
    const $skiptoken = toSkipToken({ pageNumber: (position?.pageNumber ?? 1) + 1, tracking: false, state: next });
    return `${session.apiUrl}/${source.path}?${replaceOptions(session.request.search, { $skiptoken })}`;
  };
  return jsonResponse(
    session,
    200,
    {
      "@odata.context": contextOf(session, table.setName, options),
      ...(count === undefined ? {} : { "@odata.count": count }),
      ...annotate("totalrecordcount", count ?? -1),
      ...annotate("totalrecordcountlimitexceeded", count === org.switches.countCap),
      ...annotate("globalmetadataversion", String(org.database.schemaVersion())),
      value: page.rows.map(project),
      ...(page.next && top === undefined ? { "@odata.nextLink": nextLink(page.next) } : {}),
    },
    { streaming: true },
  );
}
