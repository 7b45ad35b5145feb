// One login to an SFTP account: key only, and only to the host whose key is pinned (facts/campaign.md §9). What the files mean is the adapters'
// business. The only place that knows ssh2.

import { createHash } from "node:crypto";
import { posix } from "node:path";
import ssh2, { type FileEntryWithStats, type SFTPWrapper, type Stats } from "ssh2";
import { AuthError, MissingError, RefusedError, type SyncError, UnavailableError } from "../errors.js";

/** Whom to log in to and as whom. `hostKey` is the fingerprint as OpenSSH prints it, `SHA256:…`. `timeoutMs` bounds every single step. */
export interface SftpAccount {
  host: string;
  port: number;
  user: string;
  /** Private key as ssh-keygen writes it, without passphrase. */
  key: string;
  hostKey: string;
  timeoutMs: number;
}

/** A file as the server tells of it; `changedAtMs` in whole seconds, by the server's clock. */
export interface RemoteFile {
  name: string;
  size: number;
  changedAtMs: number;
}

/**
 * A login that is open. Throws AuthError, UnavailableError, MissingError (no such file) and RefusedError (not allowed); after the first two it is
 * over. Errors name the host, the folder and the setting to mend, never a file, the user or the key.
 */
export interface SftpSession {
  readonly isOpen: boolean;
  /** Plain files in a folder, in no order. */
  list(folder: string): Promise<readonly RemoteFile[]>;
  stat(path: string): Promise<Omit<RemoteFile, "name">>;
  /** Bytes from `offset` on, at most `length`; fewer only at the end of the file. */
  read(path: string, offset: number, length: number): Promise<Buffer>;
  /** Never over a file that is there: RefusedError. */
  rename(from: string, to: string): Promise<void>;
  /** Makes the folder where there is none; what is above it must be there. */
  ensureFolder(path: string): Promise<void>;
  close(): void;
}

/** Bound of one step of a session, such as a read of some 100 KB. */
export const sftpStepMs = 30_000;

/** Logs in. AuthError: the key is none or not accepted, or the host shows another one than is pinned; UnavailableError: it cannot be reached. */
export async function openSftp(account: SftpAccount): Promise<SftpSession> {
  const at = `${account.host}:${account.port}`;
  if (ssh2.utils.parseKey(account.key) instanceof Error) {
    throw new AuthError("CAMPAIGN_SFTP_KEY is no private key as ssh-keygen writes it, without passphrase", {
      system: "sftp",
    });
  }
  const client = new ssh2.Client();
  let isOpen = true;
  let shown = "";
  const over = (): void => {
    isOpen = false;
  };
  client.on("close", over).on("error", over);

  /** Runs one step; ends the login when it takes too long, because an answer that comes later would be taken for another one. */
  const step = <T>(what: string, run: (done: (error?: unknown, result?: T) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      const finish = (error?: unknown, result?: T): void => {
        clearTimeout(timer);
        client.removeListener("close", lost);
        client.removeListener("error", finish);
        if (error === undefined || error === null) resolve(result as T);
        else reject(toSftpError(`${what} at ${at}`, error));
      };
      const lost = (): void => finish(new Error("closed"));
      const timer = setTimeout(() => {
        finish(new Error("took too long"));
        client.destroy();
      }, account.timeoutMs);
      client.once("close", lost).once("error", finish);
      if (!isOpen) lost();
      else run(finish);
    });

  const open = async (): Promise<SFTPWrapper> => {
    await step("log in", (done) => {
      client.once("ready", () => done());
      client.connect({
        host: account.host,
        port: account.port,
        username: account.user,
        privateKey: account.key,
        authHandler: ["publickey"],
        readyTimeout: account.timeoutMs,
        hostVerifier: (key: Buffer) => {
          shown = fingerprintOf(key);
          return shown === account.hostKey;
        },
      });
      // Without its native part, which the bundle has not, ssh2 writes a packet in pieces, and each would wait for the peer's word on the one before: 40 ms.
      client.setNoDelay(true);
    });
    return step<SFTPWrapper>("open", (done) => void client.sftp(done));
  };
  const sftp = await open().catch((error: unknown) => {
    client.destroy();
    if (shown === "" || shown === account.hostKey) throw error;
    const pinned = "not the one in CAMPAIGN_SFTP_HOST_KEY: is it the right server, or has it a new key?";
    throw new AuthError(`the SFTP server at ${at} shows the host key ${shown}, ${pinned}`, { system: "sftp" });
  });

  const { dirname } = posix;
  const stat = (path: string): Promise<Stats> =>
    step<Stats>(`look into ${dirname(path)}`, (done) => sftp.stat(path, done));
  return {
    get isOpen() {
      return isOpen;
    },
    async list(folder) {
      const entries = await step<FileEntryWithStats[]>(`list ${folder}`, (done) => sftp.readdir(folder, done));
      return entries.flatMap(({ filename, attrs }) => (attrs.isFile() ? [{ name: filename, ...factsOf(attrs) }] : []));
    },
    stat: async (path) => factsOf(await stat(path)),
    async read(path, offset, length) {
      const handle = await step<Buffer>(`open a file in ${dirname(path)}`, (done) => sftp.open(path, "r", done));
      try {
        const buffer = Buffer.alloc(length);
        let filled = 0;
        while (filled < length) {
          const read = await step<number>(`read a file in ${dirname(path)}`, (done) =>
            sftp.read(handle, buffer, filled, length - filled, offset + filled, (error, count) =>
              isEndOfFile(error) ? done(undefined, 0) : done(error, count),
            ),
          );
          if (read === 0) break;
          filled += read;
        }
        return buffer.subarray(0, filled);
      } finally {
        // A handle that cannot be given back ends with the login.
        await step<void>("close a file", (done) => sftp.close(handle, done)).catch(() => client.end());
      }
    },
    rename: (from, to) =>
      step<void>(`move a file from ${dirname(from)} to ${dirname(to)}`, (done) => sftp.rename(from, to, done)),
    async ensureFolder(path) {
      const isThere = await stat(path).catch((error: unknown) => {
        if (error instanceof MissingError) return undefined;
        throw error;
      });
      if (isThere) return;
      // Somebody else may have made it this very moment.
      await step<void>(`make the folder ${path}`, (done) => sftp.mkdir(path, done)).catch(() => stat(path));
    },
    close: () => void client.end(),
  };
}

/** `SHA256:…`, base64 without padding, as `ssh-keygen -l` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function factsOf({ size, mtime }: Stats): Omit<RemoteFile, "name"> {
  return { size, changedAtMs: mtime * 1_000 };
}

function isEndOfFile(error: unknown): boolean {
  return codeOf(error) === ssh2.utils.sftp.STATUS_CODE.EOF;
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** The library's texts name files and users: only what was done and the code are passed on. The system is not Campaign's API, whose gate stays open. */
function toSftpError(operation: string, error: unknown): SyncError {
  const code = codeOf(error);
  const { NO_SUCH_FILE, PERMISSION_DENIED, FAILURE } = ssh2.utils.sftp.STATUS_CODE;
  const context = { system: "sftp", vendorCode: String(code ?? "") };
  const said = `SFTP ${operation}`;
  if (code === NO_SUCH_FILE) return new MissingError(`${said}: there is no such file or folder`, context);
  if (code === PERMISSION_DENIED) return new RefusedError(`${said}: the account may not`, "permission-denied", context);
  if (code === FAILURE) return new RefusedError(`${said}: the server refuses`, "failure", context);
  const level = typeof error === "object" && error !== null && "level" in error ? error.level : undefined;
  if (level === "client-authentication") {
    const mend = "CAMPAIGN_SFTP_USER, CAMPAIGN_SFTP_KEY, and the public key in Campaign's Control Panel";
    return new AuthError(`${said}: the server does not accept the key of this user: ${mend}`, context);
  }
  return new UnavailableError(`${said}: the server cannot be reached or broke off: CAMPAIGN_SFTP_HOST`, true, context);
}
