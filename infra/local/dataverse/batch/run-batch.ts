// $batch: requests one after another, change sets as one transaction; facts/dataverse.md §6.3.
import type { SimRequest, SimResponse } from "../../sim/types.js";
import { badQuery, notImitated, ODataError, toErrorResponse } from "../errors.js";
import { readPreferences } from "../odata/preferences.js";
import { toRelativeUrl } from "../odata/resource-path.js";
import { commonHeaders } from "../respond.js";
import type { Session } from "../session.js";
import type { Transaction } from "../store/database.js";
import {
  boundaryOf,
  type InnerRequest,
  type Part,
  parseInnerRequest,
  parseMultipart,
  writeMultipart,
  writePart,
} from "./multipart.js";

const MAX_OPERATIONS = 1000;

/** How many operations a request is: as many as its batch has requests, one otherwise. */
export function countOperations({ path, body }: SimRequest): number {
  if (!path.toLowerCase().endsWith("/$batch")) return 1;
  return body.match(/^(?:GET|POST|PATCH|PUT|DELETE) \S+ HTTP\/1\.1\r?$/gm)?.length ?? 1;
}

/** What a batch needs of the router. */
export interface BatchParts {
  route(session: Session, path: string, tx?: Transaction): Promise<SimResponse>;
  inTransaction(session: Session, run: (tx: Transaction) => Promise<SimResponse>): Promise<SimResponse>;
}

/** The session of a request inside a batch: its own request and preferences, the caller of the whole. */
function toInnerSession(
  session: Session,
  inner: InnerRequest,
  contentIds: ReadonlyMap<string, string>,
): { session: Session; path: string } {
  if (inner.headers.mscrmcallerid ?? inner.headers.callerobjectid)
    throw notImitated("impersonation of single requests in a batch");
  const contentId = /^\/?\$([^/?]+)(.*)$/.exec(inner.url);
  const known = contentId ? contentIds.get(contentId[1] ?? "") : undefined;
  if (contentId && known === undefined && !/^\/?\$(batch|metadata)/.test(inner.url)) {
    throw badQuery(`Content-ID Reference: '$${contentId[1]}' does not exist in the batch context.`);
  }
  const [path = "", ...search] = (
    known === undefined ? toRelativeUrl(inner.url) : `${known}${contentId?.[2] ?? ""}`
  ).split("?");
  const query = search.join("?");
  const request: SimRequest = {
    method: inner.method,
    path: `/api/data/v9.2/${path}`,
    query: new URLSearchParams(query),
    search: query,
    headers: inner.headers,
    body: inner.body,
    origin: session.request.origin,
  };
  const own: Session = {
    ...session,
    request,
    preferences: readPreferences(inner.headers.prefer),
    requestId: session.org.makeId(),
    tag: request.query.get("tag") ?? undefined,
    contentIds,
  };
  return { session: own, path };
}

const withRequestId = (session: Session, error: unknown): SimResponse => {
  if (!(error instanceof ODataError)) throw error;
  const response = toErrorResponse(error, false);
  return { ...response, headers: { ...response.headers, req_id: session.requestId } };
};

/** The row a part of a change set wrote, as later parts name it. */
const entityOf = (session: Session, path: string, response: SimResponse): string | undefined => {
  const url = response.headers["odata-entityid"];
  if (url !== undefined) return toRelativeUrl(url);
  const table = session.org.database.tableOfSet(path.split("(")[0] ?? "");
  const body = response.body === "" ? {} : (JSON.parse(response.body) as Record<string, unknown>);
  return table && body[table.primaryId] !== undefined
    ? `${table.setName}(${String(body[table.primaryId])})`
    : undefined;
};

async function runChangeSet(
  session: Session,
  parts: readonly Part[],
  { route, inTransaction }: BatchParts,
): Promise<string | SimResponse> {
  const written: string[] = [];
  try {
    await inTransaction(session, async (tx) => {
      const contentIds = new Map<string, string>();
      let last: SimResponse = { status: 204, headers: {}, body: "" };
      for (const part of parts) {
        const request = parseInnerRequest(part);
        const contentId = part.headers["content-id"] ?? request.headers["content-id"];
        if (request.method === "GET") throw badQuery("GET requests are not allowed in a change set.");
        if (contentId === undefined) throw badQuery("The Content-ID header is missing in a part of a change set.");
        const inner = toInnerSession(session, request, contentIds);
        last = await route(inner.session, inner.path, tx);
        const entity = entityOf(session, inner.path, last);
        if (entity !== undefined) contentIds.set(contentId, entity);
        written.push(writePart(last, contentId));
      }
      return last;
    });
  } catch (error) {
    return withRequestId(session, error);
  }
  const boundary = `changesetresponse_${session.org.makeId()}`;
  return `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${writeMultipart(written, boundary)}`;
}

async function runSingle(
  session: Session,
  part: Part,
  { route }: BatchParts,
): Promise<{ response: SimResponse; contentId: string | undefined }> {
  const contentId = part.headers["content-id"];
  try {
    const request = parseInnerRequest(part);
    if (toRelativeUrl(request.url).startsWith("$batch")) throw badQuery("A batch cannot contain a batch.");
    const inner = toInnerSession(session, request, new Map());
    return { response: await route(inner.session, inner.path), contentId };
  } catch (error) {
    return { response: withRequestId(session, error), contentId };
  }
}

/** Answers `POST $batch`. Stops at the first failure, whose status the whole then has, unless told to continue on errors. */
export async function runBatch(session: Session, parts: BatchParts): Promise<SimResponse> {
  const boundary = boundaryOf(session.request.headers["content-type"]);
  if (boundary === undefined)
    throw new ODataError(415, "0x80060888", "The content type of a batch must be multipart/mixed with a boundary.");
  const items = parseMultipart(session.request.body, boundary).map((part) => {
    const inner = boundaryOf(part.headers["content-type"]);
    return { part, changeSet: inner === undefined ? undefined : parseMultipart(part.body, inner) };
  });
  const operations = items.reduce((sum, { changeSet }) => sum + (changeSet?.length ?? 1), 0);
  if (operations > MAX_OPERATIONS) {
    throw new ODataError(
      400,
      "0x80060888",
      `The number of requests in a batch exceeds the limit of ${MAX_OPERATIONS}.`,
    );
  }
  const written: string[] = [];
  let status = 200;
  for (const { part, changeSet } of items) {
    const outcome = changeSet ? await runChangeSet(session, changeSet, parts) : await runSingle(session, part, parts);
    if (typeof outcome === "string") {
      written.push(outcome);
      continue;
    }
    const { response, contentId } = "response" in outcome ? outcome : { response: outcome, contentId: undefined };
    written.push(writePart(response, contentId));
    if (response.status < 400 || session.preferences.continueOnError) continue;
    status = response.status;
    break;
  }
  const responseBoundary = `batchresponse_${session.org.makeId()}`;
  return {
    status,
    headers: { ...commonHeaders(session), "content-type": `multipart/mixed; boundary=${responseBoundary}` },
    body: writeMultipart(written, responseBoundary),
  };
}
