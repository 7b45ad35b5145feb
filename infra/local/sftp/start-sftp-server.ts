// An SFTP server on 127.0.0.1 over one folder, on the ssh2 library: Campaign's SFTP account, and nothing else of SSH.

import { createHash, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import ssh2, { type AuthContext, type Connection, type ParsedKey } from "ssh2";
import { makeSftpFaults, type SftpFaults } from "./faults.js";
import { makeJail } from "./paths.js";
import { serveSftp } from "./serve-sftp.js";

// CommonJS: Node finds no named exports in it.
const { Server, utils } = ssh2;

/** How to start one. `publicKey` is a line as in authorized_keys; without `hostKey` (PEM or OpenSSH, private) a new one is made. */
export interface SftpServerOptions {
  port: number;
  root: string;
  users: readonly { name: string; publicKey: string }[];
  hostKey?: string;
  seed?: number;
}

/** A running server. `hostKeyFingerprint` is spelled as OpenSSH prints it: `SHA256:…`, base64 without padding. */
export interface SftpServer {
  port: number;
  hostKeyFingerprint: string;
  faults: SftpFaults;
  close(): Promise<void>;
}

/** Starts a server; login by public key only, no shell, no exec, no forwarding. Throws when a key cannot be read. */
export function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const hostKey = options.hostKey ?? utils.generateKeyPairSync("ed25519").private;
  const jail = makeJail(options.root);
  const users = new Map(options.users.map(({ name, publicKey }) => [name, parseKey(publicKey)]));
  const faults = makeSftpFaults(() => Date.now(), options.seed ?? 1);
  const connections = new Set<Connection>();

  const server = new Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    // A client that hangs up is no event for the others.
    connection.on("error", () => connection.end());
    connection.on("authentication", (context) => {
      const refused = faults.decide("AUTH", context.username).status !== undefined;
      if (!refused && mayEnter(context, users.get(context.username))) context.accept();
      else context.reject(["publickey"]);
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

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const hash = createHash("sha256").update(parseKey(hostKey).getPublicSSH()).digest("base64");
      resolve({
        port,
        hostKeyFingerprint: `SHA256:${hash.replace(/=+$/, "")}`,
        faults,
        close: () =>
          new Promise((closed) => {
            for (const connection of connections) connection.end();
            server.close(() => closed());
          }),
      });
    });
  });
}

function parseKey(text: string): ParsedKey {
  const parsed = utils.parseKey(text);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

/** First a client asks whether a key would do, then it signs with it; both come here. */
function mayEnter(context: AuthContext, key: ParsedKey | undefined): boolean {
  if (context.method !== "publickey" || !key) return false;
  const [known, shown] = [key.getPublicSSH(), context.key.data];
  if (known.length !== shown.length || !timingSafeEqual(known, shown)) return false;
  if (!context.signature || !context.blob) return true;
  return key.verify(context.blob, context.signature, context.hashAlgo) === true;
}
