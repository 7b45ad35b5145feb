// The deployed app as an operator reaches it: over HTTP, with a function key. What is asked of it is in the other files.

import { UnavailableError } from "../../../shared/errors.js";
import { makeAxiosTransport } from "../../../shared/http/axios-transport.js";
import type { Transport } from "../../../shared/http/client.js";
import { parseJson } from "../../../shared/http/json.js";

/** What the app answered; `body` is undefined where it is not JSON. */
export interface AppAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

/** One deployed app. */
export interface DeployedApp {
  /** Where its functions are, without trailing slash: `https://app.azurewebsites.net/api`. */
  readonly url: string;
  /** Throws UnavailableError when nobody answers. */
  ask(method: "GET" | "POST", path: string, options: { withKey: boolean }): Promise<AppAnswer>;
}

/** A cold start fits in. */
const timeoutMs = 60_000;

/** Makes it; `key` is a function key of the host, which `withKey` sends. */
export function makeDeployedApp(url: string, key: string, transport: Transport = makeAxiosTransport()): DeployedApp {
  return {
    url,
    async ask(method, path, { withKey }) {
      const headers: Record<string, string> = withKey ? { "x-functions-key": key } : {};
      const answer = await transport({ method, url: new URL(`${url}${path}`), headers, body: undefined, timeoutMs });
      if ("network" in answer) {
        throw new UnavailableError(`nobody answers at ${url}: ${answer.network}`, false, { network: answer.network });
      }
      return { status: answer.status, headers: answer.headers, body: parseJson(answer.text) };
    },
  };
}
