// The /_sim/ routes of an SFTP server on an HTTP port of their own: the same as every stand-in's (../sim/admin.ts).

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { makeAdmin } from "../sim/admin.js";
import { readRequest, sendJson } from "../sim/node-exchange.js";
import type { SftpServer } from "./sftp-server.js";

/** Starts them on 127.0.0.1; port 0 is any free one. */
export async function startSftpAdmin(
  server: SftpServer,
  port: number,
): Promise<{ url: string; close(): Promise<void> }> {
  const admin = makeAdmin({
    name: "sftp",
    state: (set) => (set === "server" ? { port: server.port, hostKey: server.hostKeyFingerprint } : undefined),
    log: server.log,
    faults: server.faults,
    latency: server.latency,
    reset: server.reset,
  });

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    if (request === "gone") return;
    if (request === "too-large") return sendJson(outgoing, 413, { error: "the body is too large" });
    const answer = (await admin(request)) ?? { status: 404, value: { error: "files are served over SFTP" } };
    await sendJson(outgoing, answer.status, answer.value);
  }

  const http = createServer((incoming, outgoing) => {
    outgoing.on("error", () => undefined);
    exchange(incoming, outgoing).catch(() => outgoing.destroy());
  });
  http.on("clientError", (_error, socket) => socket.destroy());
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async close() {
      const closed = once(http, "close");
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}
