import type { SimCore } from "../../infra/local/sim/types.js";
import { type HttpClient, makeHttpClient, type Transport } from "../../shared/http/client.js";
import { lowerCased, toSimRequest } from "./core-http.js";
import type { FixedClock } from "./fixed-clock.js";

/** The product's own HTTP client, retries and all, over simulators' cores by host name. `loses`: this request is carried out, and its answer lost. */
export function lossyHttp(
  cores: Readonly<Record<string, SimCore>>,
  clock: FixedClock,
  loses: (request: Parameters<Transport>[0]) => boolean,
): HttpClient {
  return makeHttpClient({
    clock,
    random: () => 0.5,
    async transport(request) {
      const core = cores[request.url.host];
      if (!core) throw new Error(`no simulator behind ${request.url.host}`);
      const { status, headers, body } = await core.handle(toSimRequest(request));
      return loses(request) ? { network: "ECONNRESET" } : { status, headers: lowerCased(headers), text: body };
    },
  });
}
