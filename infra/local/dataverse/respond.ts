// Successful answers with the headers every answer of the Web API has; facts/dataverse.md §3.
import type { SimResponse } from "../sim/types.js";
import type { Session } from "./session.js";

/** Headers of every answer; rate headers are added at the very end. */
export const commonHeaders = (session: Session): Record<string, string> => ({
  "odata-version": "4.0",
  "x-ms-service-request-id": session.requestId,
  req_id: session.requestId,
  ...(session.preferences.applied.length > 0 ? { "preference-applied": session.preferences.applied.join(",") } : {}),
});

/** An answer with a JSON body. */
export function jsonResponse(
  session: Session,
  status: number,
  value: unknown,
  options: { streaming?: boolean; headers?: Record<string, string> } = {},
): SimResponse {
  return {
    status,
    headers: {
      ...commonHeaders(session),
      "content-type": `application/json; odata.metadata=minimal${options.streaming ? "; odata.streaming=true" : ""}`,
      ...options.headers,
    },
    body: JSON.stringify(value),
  };
}

/** 204, or any other answer without a body. */
export const emptyResponse = (session: Session, status = 204, headers: Record<string, string> = {}): SimResponse => ({
  status,
  headers: { ...commonHeaders(session), ...headers },
  body: "",
});
