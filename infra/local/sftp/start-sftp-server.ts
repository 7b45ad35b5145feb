// An SFTP server on 127.0.0.1 over one folder, on the ssh2 library: Campaign's SFTP account, and nothing else of SSH.

import { timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type AuthContext, type Connection, type ParsedKey } from "ssh2";
import { type Fate, makeSftpFaults, type SftpFaults } from "./faults.js";
import { fingerprintOf, makeKeyPair, parseKey } from "./keys.js";
import { makeJail } from "./paths.js";
import { serveSftp } from "./serve-sftp.js";

// CommonJS: Node finds no named exports in it.
const { Server } = ssh2;

/** A client that never says anything is not waited for. */
const closeWithinMs = 500;

/** Who may log in; a user with several entries has several keys, all valid. `publicKey` is a line as in authorized_keys. */
export type SftpUser = Readonly<{ name: string; publicKey: string }>;

/** How to start one; without `hostKey` (PEM or OpenSSH, private) a new one is made. */
export interface SftpServerOptions {
  port: number;
  root: string;
  users: readonly SftpUser[];
  hostKey?: string;
  seed?: number;
}

/** A running server. `hostKeyFingerprint` is spelled as OpenSSH prints it: `SHA256:…`, base64 without padding. */
export interface SftpServer {
  port: number;
  hostKeyFingerprint: string;
  faults: SftpFaults;
  /** From now on these may log in; who is in stays. */
  admitOnly(users: readonly SftpUser[]): void;
  close(): Promise<void>;
}

/** Starts a server; login by public key only, no shell, no exec, no forwarding. Throws when a key cannot be read. */
export function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const hostKey = options.hostKey ?? makeKeyPair().private;
  const jail = makeJail(options.root);
  let keys = parseUsers(options.users);
  const faults = makeSftpFaults(() => Date.now(), options.seed ?? 1);
  const connections = new Set<Connection>();

  const server = new Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection);
    // It is there, and its types do not say so. Without it an answer that is written in pieces waits 40 ms for each.
    (connection as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    connection.on("close", () => connections.delete(connection));
    // A client that hangs up is no event for the others.
    connection.on("error", () => connection.end());
    connection.on("authentication", (context) => {
      void admit(context, connection);
    });
    connection.on("session", (accept) => {
      const session = accept();
      session.on("sftp", (acceptSftp) =>
        serveSftp({ sftp: acceptSftp(), jail, faults, drop: () => void connection.end() }),
      );
      for (const event of ["exec", "shell", "pty"] as const) {
        session.on(event, (_accept: unknown, reject: (() => void) | undefined) => reject?.());
      }
    });
    connection.on("tcpip", (_accept, reject) => reject());
    connection.on("request", (_accept, reject) => reject?.());
  });

  /** A client first asks what it may try and whether a key would do; only the login itself is struck by faults. */
  const admit = async (context: AuthContext, connection: Connection): Promise<void> => {
    const isLogin = context.method === "publickey" ? context.signature !== undefined : context.method !== "none";
    const fate: Fate = isLogin ? faults.decide("AUTH", context.username) : { delayMs: 0 };
    if (fate.delayMs > 0) await sleep(fate.delayMs);
    if (fate.reset) connection.end();
    else if (!fate.status && keys.some(({ name, key }) => name === context.username && mayEnter(context, key)))
      context.accept();
    else context.reject(["publickey"]);
  };

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        port,
        hostKeyFingerprint: fingerprintOf(hostKey),
        faults,
        admitOnly(users) {
          keys = parseUsers(users);
        },
        async close() {
          for (const connection of connections) connection.end();
          const closed = new Promise<void>((done) => server.close(() => done()));
          await Promise.race([closed, sleep(closeWithinMs)]);
        },
      });
    });
  });
}

function parseUsers(users: readonly SftpUser[]): { name: string; key: ParsedKey }[] {
  return users.map(({ name, publicKey }) => ({ name, key: parseKey(publicKey) }));
}

/** First a client asks whether a key would do, then it signs with it; both come here. */
function mayEnter(context: AuthContext, key: ParsedKey): boolean {
  if (context.method !== "publickey") return false;
  const [known, shown] = [key.getPublicSSH(), context.key.data];
  if (known.length !== shown.length || !timingSafeEqual(known, shown)) return false;
  if (!context.signature || !context.blob) return true;
  return key.verify(context.blob, context.signature, context.hashAlgo) === true;
}
