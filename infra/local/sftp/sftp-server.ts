// An SSH server with SFTP over one folder, and nothing else of SSH: connections, sessions and their end. Who may log in is in
// login.ts, what a session does in serve-session.ts and operations.ts.

import { once } from "node:events";
import { mkdirSync, realpathSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Connection, Server } from "ssh2";
import { type Calls, makeCalls } from "./calls.js";
import type { SftpFaultRequest } from "./fault-schema.js";
import { fingerprintOf, keepHostKey, readKey } from "./keys.js";
import { makeLogin, type SftpUser } from "./login.js";
import { makeOperations } from "./operations.js";
import { serveSession } from "./serve-session.js";

/** What a server needs: port 0 is any free one, `root` (made when it is not there) all that clients see, `hostKey` a private key. */
export interface SftpServerOptions {
  port: number;
  root: string;
  users: readonly SftpUser[];
  /** A new one without it. */
  hostKey?: string;
  faults?: readonly SftpFaultRequest[];
  /** Decides rates of faults and spans of latency. */
  seed?: number;
}

/** A server that listens on 127.0.0.1. */
export interface SftpServer extends Omit<Calls, "begin"> {
  readonly port: number;
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly hostKeyFingerprint: string;
  /** Drops all connections; what clients left open is closed when it is done. */
  close(): Promise<void>;
}

/** Starts a server. Nothing a client sends ends it. Throws when a key cannot be read, a fault is refused or the port is taken. */
export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  mkdirSync(options.root, { recursive: true });
  const root = realpathSync(options.root);
  const hostKey = options.hostKey ?? keepHostKey(undefined);
  const ending = new AbortController();
  const { begin, ...calls } = makeCalls(options.seed ?? 1, ending.signal);
  if (options.faults) calls.faults.add(options.faults);
  const guard = makeLogin(options.users, { begin, ...calls });
  const sockets = new Map<string, Socket>();
  const sessions = new Set<{ finish(): Promise<void> }>();

  function serve(connection: Connection, client: string): void {
    const drop = (): void => void sockets.get(client)?.resetAndDestroy();
    const own = new Set<{ finish(): Promise<void> }>();
    connection.on("error", () => undefined);
    guard(connection, client, drop);
    // No listener for shell, exec or forwarding: the library refuses them.
    connection.on("session", (accept) => {
      accept().on("sftp", (open) => {
        const parts = {
          operations: makeOperations(root),
          calls: { begin, ...calls },
          client,
          signal: ending.signal,
          drop,
        };
        const session = serveSession(open(), parts);
        own.add(session);
        sessions.add(session);
      });
    });
    connection.on("close", () => {
      for (const session of own) void session.finish().then(() => sessions.delete(session));
    });
  }

  const ssh = new Server({ hostKeys: [hostKey] }, (connection, { ip, port }) => serve(connection, `${ip}:${port}`));
  ssh.on("error", () => undefined);

  async function admit(socket: Socket): Promise<void> {
    const client = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.on("error", () => undefined);
    sockets.set(client, socket);
    socket.once("close", () => sockets.delete(client));
    const call = begin("CONNECT", socket.remoteAddress ?? "", client);
    await call.arrive();
    const { answer, reset, lost } = call.fate;
    const isRefused = Boolean(answer ?? reset ?? lost);
    call.end(isRefused ? "none" : "OK");
    if (isRefused || ending.signal.aborted) socket.resetAndDestroy();
    else ssh.injectSocket(socket);
  }

  const door = createServer((socket) => void admit(socket));
  door.listen(options.port, "127.0.0.1");
  await once(door, "listening");

  return {
    ...calls,
    port: (door.address() as AddressInfo).port,
    hostKeyFingerprint: fingerprintOf(readKey(hostKey, "the host")),
    async close() {
      ending.abort();
      const closed = once(door, "close");
      door.close();
      for (const socket of sockets.values()) socket.destroy();
      await closed;
      await Promise.all([...sessions].map((session) => session.finish()));
    },
  };
}
