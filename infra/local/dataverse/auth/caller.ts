// Who calls: from the bearer token to the user the request acts as. What that user may do is in privileges.ts.
import type { SimRequest } from "../../sim/types.js";
import { ODataError } from "../errors.js";
import { isGuid } from "../model/ids.js";
import type { App } from "../options.js";
import type { Database } from "../store/database.js";
import { readToken } from "./token.js";

/** The user a request acts as, and who really sent it; they differ under impersonation. */
export interface Caller {
  userId: string;
  initiatingUserId: string;
  userAgent: string;
}

/** What telling callers apart needs. */
export interface CallerContext {
  database: Database;
  apps: readonly App[];
  tenantId: string;
  nowMs: number;
  /** Tokens issued before this second are revoked. */
  revokedBeforeSeconds: number;
}

const unauthenticated = (tenantId: string, origin: string): ODataError =>
  new ODataError(401, "0x80044302", "", {
    "www-authenticate": `Bearer authorization_uri=https://login.microsoftonline.com/${tenantId}/oauth2/authorize, resource_id=${origin}/`,
  });

const impersonated = (request: SimRequest, database: Database, initiatingUserId: string): string => {
  const users = database.rows("systemuser");
  const objectId = request.headers.callerobjectid;
  const legacyId = request.headers.mscrmcallerid;
  const wanted = (objectId ?? legacyId)?.trim().toLowerCase();
  if (wanted === undefined) return initiatingUserId;
  if (!isGuid(wanted)) throw new ODataError(400, "0x80040203", `The caller id '${wanted}' is not a GUID.`);
  if (objectId === undefined && users.get(wanted)) return wanted;
  if (objectId !== undefined) {
    for (const user of users.all()) if (user.azureactivedirectoryobjectid === wanted) return String(user.systemuserid);
  }
  throw new ODataError(403, "0x80072560", "The user is not a member of the organization.");
};

/** The caller of a request. Throws 401 without a valid token for this organisation's address, 403 without an enabled user or from another tenant. */
export function readCaller(request: SimRequest, context: CallerContext): Caller {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const claims = token === undefined ? undefined : readToken(token);
  const nowSeconds = context.nowMs / 1000;
  const valid =
    claims !== undefined &&
    claims.exp > nowSeconds &&
    claims.iat > context.revokedBeforeSeconds &&
    claims.aud.toLowerCase() === request.origin.toLowerCase();
  if (!valid) throw unauthenticated(context.tenantId, request.origin);

  const userId = context.apps.find(({ clientId }) => clientId === claims.appid)?.userId;
  const user = userId === undefined ? undefined : context.database.rows("systemuser").get(userId);
  if (userId === undefined || !user || claims.tid !== context.tenantId) {
    throw new ODataError(403, "0x80072560", "The user is not a member of the organization.");
  }
  if (user.isdisabled === true) throw new ODataError(403, "0x80040225", "The specified user is disabled.");
  return {
    userId: impersonated(request, context.database, userId),
    initiatingUserId: userId,
    userAgent: request.headers["user-agent"] ?? "",
  };
}
