// A company's network: nothing leads out but a proxy, and what is outside shows certificates of the company's own authority. The proxy knows names
// that stand for one server on this machine, so that real host names can be called and nothing leaves it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSelfSigned } from "./self-signed.js";

/** The network. */
export interface CompanyNetwork {
  /** Address of the proxy. */
  proxy: string;
  /** Address of what is outside, for who goes there without the proxy. */
  outside: string;
  /** File with the company's authority, for NODE_EXTRA_CA_CERTS. */
  authority: string;
  /** What the proxy was asked: `CONNECT host:port`, or the line of a request that was no tunnel. */
  asked: string[];
  /** `host path` of requests that arrived outside. */
  arrived: string[];
  /** From now on the proxy answers tunnels so; 200 lets them through. */
  refuseWith(status: number): void;
  close(): Promise<void>;
}

/** Makes it. `answers`: body by the beginning of a request's path, as JSON. */
export async function makeCompanyNetwork(
  hosts: readonly string[],
  answers: Record<string, unknown>,
): Promise<CompanyNetwork> {
  const folder = mkdtempSync(join(tmpdir(), "company-network-"));
  const { certificate, key } = makeSelfSigned(hosts);
  const authority = join(folder, "authority.pem");
  writeFileSync(authority, certificate);
  const [asked, arrived]: [string[], string[]] = [[], []];
  const sockets = new Set<Socket>();
  let status = 200;

  const outside = createHttpsServer({ key, cert: certificate }, (request, response) => {
    arrived.push(`${request.headers.host} ${request.url}`);
    const found = Object.entries(answers).find(([path]) => request.url?.startsWith(path))?.[1];
    response.statusCode = found === undefined ? 404 : 200;
    response.setHeader("content-type", "application/json");
    request.resume().on("end", () => response.end(JSON.stringify(found ?? {})));
  });
  const outsidePort = await listen(outside);

  const proxy = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.statusCode = 400;
    response.end("this proxy only makes tunnels");
  });
  proxy.on("connect", (request, socket: Socket, head: Buffer) => {
    asked.push(`CONNECT ${request.url}`);
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    if (status !== 200) {
      const page = "<html>the proxy says no</html>";
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-type: text/html\r\ncontent-length: ${page.length}\r\n\r\n${page}`);
      return;
    }
    const onward = connect(outsidePort, "localhost", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    onward.on("error", () => socket.destroy());
  });
  const proxyPort = await listen(proxy);

  return {
    proxy: `http://localhost:${proxyPort}`,
    outside: `https://localhost:${outsidePort}`,
    authority,
    asked,
    arrived,
    refuseWith(next) {
      status = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([outside, proxy].map((server) => new Promise((done) => server.close(done))));
      rmSync(folder, { recursive: true });
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "localhost", () => resolve((server.address() as AddressInfo).port));
  });
}
