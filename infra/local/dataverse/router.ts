// From a Web API request to what answers it. Transactions begin and end here; what is done in them is elsewhere.

import type { SimResponse } from "../sim/types.js";
import { readAudits } from "./audit.js";
import { runBatch } from "./batch/run-batch.js";
import { notImitated, ODataError, segmentNotFound } from "./errors.js";
import type { makeFunctions } from "./functions.js";
import { METADATA_SETS, readMetadata } from "./metadata/read-metadata.js";
import { publish, writeMetadata } from "./metadata/write-metadata.js";
import type { Table } from "./model/table.js";
import { parseQueryOptions, type QueryOptions } from "./odata/query-options.js";
import { parseResourcePath, type Segment } from "./odata/resource-path.js";
import { own } from "./own.js";
import { checkAction, checkHasRole, checkImpersonation, checkMetadata, checkPrivilege } from "./privileges.js";
import { readApply } from "./read/apply.js";
import { parseSkipToken } from "./read/cookie.js";
import { countChanges, readChanges } from "./read/read-changes.js";
import { plainText, readRow } from "./read/read-row.js";
import { countRows, readRows } from "./read/read-rows.js";
import { jsonResponse } from "./respond.js";
import { isAboutRoles, readSecurity, writeSecurity } from "./security/requests.js";
import type { Session } from "./session.js";
import type { Transaction } from "./store/database.js";
import { findByKey } from "./write/find-by-key.js";
import { mergeRows } from "./write/merge.js";
import { isMultipleAction, runMultiple } from "./write/multiple.js";
import { writeReference } from "./write/references.js";
import { patchRow, postRow, removeRow, type WriteRequest, writeProperty } from "./write/row-requests.js";

/** Sets of the real product that this simulator has no table for: said with 501 rather than as a wrong name. */
const NOT_HERE = new Set([
  ...["leads", "opportunities", "incidents", "campaigns", "lists", "emails", "phonecalls", "appointments"],
  ...[
    "annotations",
    "workflows",
    "plugintypes",
    "pluginassemblies",
    "connections",
    "customeraddresses",
    "audits",
    "importjobs",
  ],
  ...[
    "duplicaterules",
    "subjects",
    "queues",
    "letters",
    "faxes",
    "environmentvariabledefinitions",
    "environmentvariablevalues",
  ],
]);

type Action = (session: Session, tx: Transaction, name: string) => Promise<SimResponse> | SimResponse;
const ACTIONS: Record<string, Action> = {
  Merge: mergeRows,
  PublishXml: (session, _tx, name) => publish(session, name),
  PublishAllXml: (session, _tx, name) => publish(session, name),
};

const methodNotAllowed = (method: string, name: string): ODataError =>
  new ODataError(405, "0x80060888", `The HTTP method '${method}' is not supported for the resource '${name}'.`);

const decodeSegment = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ODataError(400, "0x80060888", "Bad Request - Error in query syntax.");
  }
};

function serviceDocument(session: Session): SimResponse {
  const value = session.org.database
    .tables()
    .map(({ setName }) => ({ name: setName, kind: "EntitySet", url: setName }));
  return jsonResponse(session, 200, { "@odata.context": `${session.apiUrl}/$metadata`, value });
}

const isTracked = ({ preferences }: Session, { skipToken, deltaToken }: QueryOptions): boolean =>
  preferences.trackChanges ||
  deltaToken !== undefined ||
  (skipToken !== undefined && parseSkipToken(skipToken).tracking);

function readSet(
  session: Session,
  table: Table,
  segment: Segment,
  rest: readonly Segment[],
  options: QueryOptions,
): SimResponse {
  const tracked = isTracked(session, options);
  checkPrivilege(session, table, { verb: "Read", organization: tracked });
  if (segment.argument !== undefined) return readRow(session, table, segment.argument, rest, options);
  const { switches } = session.org;
  if (rest[0]?.name === "$count") {
    if (options.deltaToken !== undefined)
      return plainText(session, countChanges(session, table, options, options.deltaToken));
    const cap = switches.countSegmentCapped ? switches.countCap : Number.POSITIVE_INFINITY;
    return plainText(session, countRows(session, { table, path: table.setName }, options, cap));
  }
  if (rest.length > 0) throw segmentNotFound(rest[0]?.name ?? "");
  if (options.apply !== undefined) return readApply(session, table, options);
  return tracked ? readChanges(session, table, options) : readRows(session, { table, path: table.setName }, options);
}

async function writeSet(write: WriteRequest, segment: Segment, rest: readonly Segment[]): Promise<SimResponse> {
  const { method } = write.session.request;
  const [next, further] = rest;
  const { argument } = segment;
  if (argument === undefined) {
    if (!next && method === "POST") return postRow(write);
    if (next && method === "POST" && isMultipleAction(next.name)) checkAction(write.session, next.name);
    if (next && method === "POST" && isMultipleAction(next.name))
      return runMultiple(write.session, write.tx, write.table, next.name);
    throw next ? segmentNotFound(next.name) : methodNotAllowed(method, segment.name);
  }
  if (next && further?.name === "$ref") return writeReference(write, argument, next.name, next.argument);
  if (next && !further && (method === "PUT" || method === "DELETE"))
    return writeProperty(write, argument, next.name, method === "DELETE");
  if (next && method === "POST") throw notImitated("creating a row through another row's collection");
  if (next && method === "PATCH") throw notImitated("uploads to a column");
  if (!next && method === "PATCH") return patchRow(write, argument);
  if (!next && method === "DELETE") return removeRow(write, argument);
  throw methodNotAllowed(method, next?.name ?? segment.name);
}

/** Whether the caller may do the write its method stands for; an upsert counts as an update. */
const checkWritePrivilege = ({ session, table }: WriteRequest, segment: Segment, rest: readonly Segment[]): void => {
  const { method } = session.request;
  const creates = method === "POST" && segment.argument === undefined;
  const verb = method === "DELETE" && rest.length === 0 ? "Delete" : creates ? "Create" : "Write";
  const isCreate = verb === "Create" || segment.argument === undefined;
  const match = isCreate ? undefined : findByKey(session, table, segment.argument ?? "");
  const row = match?.id === undefined ? undefined : session.org.database.rows(table.name).get(match.id);
  checkPrivilege(session, table, { verb, row });
};

/** The kinds of definitions a request looks at, the one it changes last. */
function definitionsIn(segments: readonly Segment[], options: QueryOptions): string[] {
  const names = [...segments.map(({ name }) => name), ...options.expand.map(({ navigation }) => navigation)];
  const has = (name: string): boolean => names.some((one) => one.includes(name));
  return [
    ...(has("EntityDefinitions") ? ["Entity"] : []),
    ...(has("Attributes") ? ["Attribute"] : []),
    ...(has("Relationship") ? ["Relationship"] : []),
    ...(has("OptionSet") ? ["OptionSet"] : []),
  ];
}

/** Answers a Web API request; its path is the one below the API's address. Throws ODataError. */
export type Route = (session: Session, path: string, tx?: Transaction) => Promise<SimResponse>;

/** Makes the router. A request given a transaction takes part in it; every other write has its own. */
export function makeRouter(functions: ReturnType<typeof makeFunctions>): Route {
  const route: Route = async (session, path, given) => {
    const { method, query } = session.request;
    const inTransaction = (run: (tx: Transaction) => Promise<SimResponse> | SimResponse): Promise<SimResponse> =>
      given ? Promise.resolve(run(given)) : session.org.change(run);
    if (path.split("?")[0] === "$batch" && method === "POST") {
      return runBatch(session, { route, inTransaction: (inner, run) => inner.org.change(run) });
    }
    const segments = parseResourcePath(decodeSegment(path));
    const [first, ...rest] = segments;
    const isRead = method === "GET";
    checkHasRole(session);
    checkImpersonation(session);
    if (!first) return serviceDocument(session);
    if (first.name === "$metadata") throw notImitated("the CSDL document ($metadata)");
    if (session.preferences.respondAsync) throw notImitated("Prefer: respond-async");

    const functionOfName = own(functions, first.name);
    if (functionOfName) {
      if (!isRead) throw methodNotAllowed(method, first.name);
      return functionOfName(session, first.argument ?? "");
    }
    const action = own(ACTIONS, first.name);
    if (action) {
      if (method !== "POST") throw methodNotAllowed(method, first.name);
      checkAction(session, first.name);
      return inTransaction((tx) => action(session, tx, first.name));
    }
    if (first.name === "audits" && isRead) return readAudits(session, first, rest);
    const options = parseQueryOptions(query);
    if (METADATA_SETS.has(first.name)) {
      checkMetadata(session, definitionsIn(segments, options));
      return isRead
        ? readMetadata(session, segments, options)
        : inTransaction((tx) => writeMetadata(session, tx, segments));
    }
    const aboutRoles = isRead ? readSecurity(session, segments, options) : undefined;
    if (aboutRoles) return aboutRoles;
    if (!isRead && isAboutRoles(segments)) return inTransaction((tx) => writeSecurity(session, tx, segments));
    const table = session.org.database.tableOfSet(first.name);
    if (!table)
      throw NOT_HERE.has(first.name) ? notImitated(`the table behind ${first.name}`) : segmentNotFound(first.name);
    if (isRead) return readSet(session, table, first, rest, options);
    return inTransaction((tx) => {
      const write = { session, tx, table, options };
      checkWritePrivilege(write, first, rest);
      return writeSet(write, first, rest);
    });
  };
  return route;
}
