// Calls to one Campaign instance: base URL, headers, token, one fresh token after a 401. What is asked is in records.ts.

import type { HttpClient, HttpResponse } from "../http/client.js";
import { sendAuthorized, type TokenSource } from "../http/token-cache.js";
import { isEngineVerdict, toCampaignError } from "./to-error.js";

/** One call; `path` starts with the API family. `deadline` (epoch ms) bounds all attempts. */
export interface CampaignCall {
  operation: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string | URL;
  body?: unknown;
  deadline: number;
}

/** Speaks to one instance; throws the kinds that to-error.ts says. */
export interface CampaignClient {
  /** Root of the instance's APIs, with trailing slash. */
  readonly root: URL;
  call(call: CampaignCall): Promise<HttpResponse>;
}

/** `organization` is the tenant's path segment, e.g. `acme-mkt-stage1`; `apiKey` the client id. `timeoutMs` bounds one attempt. */
export interface CampaignClientOptions {
  http: HttpClient;
  baseUrl: URL;
  organization: string;
  apiKey: string;
  tokens: TokenSource;
  timeoutMs: number;
}

/** Calls spent within one message on a 500 that says nothing we know; each costs a call. */
const attemptsOfUnclearErrors = 3;

/** Makes the client of one instance. */
export function makeCampaignClient(options: CampaignClientOptions): CampaignClient {
  const root = new URL(`/${encodeURIComponent(options.organization)}/campaign/`, options.baseUrl);

  const sendOnce = (call: CampaignCall, token: string): Promise<HttpResponse> =>
    options.http.send({
      system: "campaign",
      operation: call.operation,
      method: call.method,
      url: new URL(call.path, root),
      headers: {
        authorization: `Bearer ${token}`,
        "x-api-key": options.apiKey,
        "cache-control": "no-cache",
        "content-type": "application/json;charset=utf-8",
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      timeoutMs: options.timeoutMs,
      deadline: call.deadline,
      isTransient: (response, attempt) =>
        response.status === 500 && !isEngineVerdict(response) && attempt < attemptsOfUnclearErrors,
    });

  return {
    root,
    async call(request) {
      const response = await sendAuthorized(options.tokens, (token) => sendOnce(request, token));
      if (response.status >= 200 && response.status < 300) return response;
      throw toCampaignError(request.operation, response);
    },
  };
}
