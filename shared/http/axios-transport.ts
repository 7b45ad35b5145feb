import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import axios, { isAxiosError } from "axios";
import type { Transport } from "./client.js";
import { proxyCode } from "./network-code.js";

const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Sends over the network. Connections are kept alive; redirects are never followed. HTTPS_PROXY and NO_PROXY are honoured: https goes through a tunnel, a
 * new one for each call.
 */
export function makeAxiosTransport(): Transport {
  const instance = axios.create({
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 64 }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 64 }),
    maxRedirects: 0,
    maxContentLength: maxAnswerBytes,
    responseType: "text",
    transformResponse: (data: unknown) => data,
    validateStatus: () => true,
  });

  return async ({ url, method, headers, body, timeoutMs }) => {
    try {
      const response = await instance.request<string>({
        url: url.href,
        method,
        headers,
        data: body,
        timeout: timeoutMs,
        // Axios' own time-out does not bound the connection phase or a trickling body; the signal bounds the whole attempt.
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (url.protocol === "https:" && isPlain(response.request)) return { network: proxyCode(response.status) };
      const lowered = Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
      );
      return { status: response.status, headers: lowered, text: response.data ?? "" };
    } catch (error) {
      if (!isAxiosError(error)) throw error;
      const timedOut = error.code === "ERR_CANCELED" || error.code === "ECONNABORTED";
      return { network: timedOut ? "ETIMEDOUT" : (error.code ?? "ERR_NETWORK") };
    }
  };
}

/** Without TLS only the proxy can have answered, refusing the tunnel: the agent hands its answer over as if it were the other side's. */
function isPlain(request: unknown): boolean {
  const socket = typeof request === "object" && request !== null && "socket" in request ? request.socket : undefined;
  return socket instanceof Socket && !(socket instanceof TLSSocket);
}
