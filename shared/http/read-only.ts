import { RefusedError } from "../errors.js";
import type { HttpClient } from "./client.js";

/** Code of the refusal of a write in a dry run. */
export const dryRunWrite = "dry-run-write";

/**
 * The client of a dry run: whoever asks it to write to Dynamics or Campaign gets a RefusedError, and nothing is sent. Only GET reads there; tokens are asked
 * for by POST, of others. A second lock: what writes is not to come so far.
 */
export function makeReadOnlyHttp(http: HttpClient): HttpClient {
  return {
    async send(call) {
      const { system, operation, method } = call;
      const isPeer = system === "dynamics" || system === "campaign";
      if (!isPeer || method === "GET") return http.send(call);
      throw new RefusedError(`this is a dry run: ${operation} was not sent`, dryRunWrite, {
        system,
        operation,
        method,
      });
    },
  };
}
