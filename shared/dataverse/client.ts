// Calls to the Dataverse Web API: base URL, headers, token, one fresh token after a 401. What is asked is in the other files.

import { MalformedError } from "../errors.js";
import type { HttpClient, HttpResponse } from "../http/client.js";
import { parseJson } from "../http/json.js";
import { sendAuthorized, type TokenSource } from "../http/token-cache.js";
import type { Clock } from "../model/clock.js";
import { toDataverseError } from "./to-error.js";

/** One call; `path` is relative to the Web API root or a link that Dataverse gave. */
export interface DataverseCall {
  operation: string;
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  path: string | URL;
  prefer?: readonly string[];
  headers?: Record<string, string>;
  /** Goes out as JSON; text as it is, with a content type of its own in `headers`. */
  body?: unknown;
}

/** Speaks to one environment; throws the kinds that to-error.ts says. */
export interface DataverseClient {
  /** Root of the Web API, with trailing slash. */
  readonly root: URL;
  call(call: DataverseCall): Promise<HttpResponse>;
  /** The same, answering the parsed JSON body. */
  json(call: DataverseCall): Promise<unknown>;
}

/** `budgetMs` bounds one call with all its attempts, `timeoutMs` one attempt. */
export interface DataverseClientOptions {
  http: HttpClient;
  clock: Clock;
  environment: URL;
  tokens: TokenSource;
  timeoutMs: number;
  budgetMs: number;
}

/** Makes the client of one environment. */
export function makeDataverseClient(options: DataverseClientOptions): DataverseClient {
  const root = new URL("/api/data/v9.2/", options.environment);

  const sendOnce = (call: DataverseCall, token: string): Promise<HttpResponse> =>
    options.http.send({
      system: "dynamics",
      operation: call.operation,
      method: call.method ?? "GET",
      url: new URL(call.path, root),
      headers: headersOf(call, token),
      ...(call.body !== undefined && { body: typeof call.body === "string" ? call.body : JSON.stringify(call.body) }),
      timeoutMs: options.timeoutMs,
      deadline: options.clock.now() + options.budgetMs,
    });

  const call = async (request: DataverseCall): Promise<HttpResponse> => {
    const response = await sendAuthorized(options.tokens, (token) => sendOnce(request, token));
    if (response.status >= 200 && response.status < 300) return response;
    throw toDataverseError(request.operation, response);
  };

  return {
    root,
    call,
    async json(request) {
      const response = await call(request);
      const body = parseJson(response.text);
      if (body === undefined) throw new MalformedError(`Dataverse's answer to ${request.operation} is not JSON`);
      return body;
    },
  };
}

function headersOf({ prefer, headers, body }: DataverseCall, token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: "application/json",
    "odata-version": "4.0",
    "odata-maxversion": "4.0",
    "if-none-match": "null",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(prefer && prefer.length > 0 && { prefer: prefer.join(", ") }),
    ...headers,
  };
}
