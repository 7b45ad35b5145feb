// The SFTP protocol, version 3, of one session over a real folder, with the status codes of OpenSSH's sftp-server. What it does not
// imitate answers OP_UNSUPPORTED.

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Attributes, type SFTPWrapper } from "ssh2";
import type { Operation, SftpFaults } from "./faults.js";
import type { Jail } from "./paths.js";

// CommonJS: Node finds no named exports in it.
const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

/** Names in one answer, so that it stays below the size of a packet. */
const namesAtOnce = 100;

/** What a session works on. */
export interface SftpSession {
  sftp: SFTPWrapper;
  jail: Jail;
  faults: SftpFaults;
  /** Ends the connection without an answer. */
  drop(): void;
}

interface OpenFile {
  kind: "file";
  path: string;
  descriptor: number;
  append: boolean;
}
interface OpenFolder {
  kind: "folder";
  path: string;
  /** Those still to be told. */
  names: string[];
}

/** Serves a session until it ends; its files are closed with it. */
export function serveSftp({ sftp, jail, faults, drop }: SftpSession): void {
  const handles = new Map<number, OpenFile | OpenFolder>();
  let opened = 0;

  const keep = (handle: OpenFile | OpenFolder): Buffer => {
    opened += 1;
    handles.set(opened, handle);
    const id = Buffer.alloc(4);
    id.writeUInt32BE(opened);
    return id;
  };
  const find = (id: Buffer): OpenFile | OpenFolder => {
    const handle = id.length === 4 ? handles.get(id.readUInt32BE(0)) : undefined;
    if (!handle) throw Object.assign(new Error("no such handle"), { code: "EBADF" });
    return handle;
  };
  const findFile = (id: Buffer): OpenFile => {
    const handle = find(id);
    if (handle.kind !== "file") throw Object.assign(new Error("a folder"), { code: "EBADF" });
    return handle;
  };
  /** One request at a time, in order, as the session's folder would see them. */
  let last: Promise<unknown> = Promise.resolve();
  let dropped = false;
  const answer = (request: number, operation: Operation, path: string, work: (cutAt?: number) => void): void => {
    last = last.then(async () => {
      if (dropped) return;
      const fate = faults.decide(operation, path);
      if (fate.delayMs > 0) await sleep(fate.delayMs);
      if (fate.reset) {
        dropped = true;
        return drop();
      }
      if (fate.status) return sftp.status(request, STATUS_CODE[fate.status]);
      try {
        work(fate.cutAt);
      } catch (error) {
        sftp.status(request, statusOf(error));
      }
    });
  };
  const done = (request: number): void => sftp.status(request, STATUS_CODE.OK);

  sftp.on("REALPATH", (request, path) =>
    answer(request, "REALPATH", path, () => {
      const name = jail.toClient(path === "" ? "." : path);
      requireFolders(jail, path);
      sftp.name(request, [{ filename: name, longname: name, attrs: {} as Attributes }]);
    }),
  );
  const stat = (look: (disk: string) => Stats) => (request: number, path: string) =>
    answer(request, "STAT", jail.toClient(path), (cutAt) =>
      sftp.attrs(request, toAttributes(look(jail.toDisk(path)), cutAt)),
    );
  sftp.on("STAT", stat(statSync));
  sftp.on("LSTAT", stat(lstatSync));
  sftp.on("FSTAT", (request, id) =>
    answer(request, "STAT", nameOf(id), (cutAt) =>
      sftp.attrs(request, toAttributes(fstatSync(findFile(id).descriptor), cutAt)),
    ),
  );
  sftp.on("OPEN", (request, path, flags) =>
    answer(request, "OPEN", jail.toClient(path), () => {
      const descriptor = openSync(jail.toDisk(path), diskFlags(flags));
      const append = (flags & OPEN_MODE.APPEND) !== 0;
      sftp.handle(request, keep({ kind: "file", path: jail.toClient(path), descriptor, append }));
    }),
  );
  sftp.on("READ", (request, id, offset, length) =>
    answer(request, "READ", nameOf(id), (cutAt) => {
      if (length === 0) return sftp.data(request, Buffer.alloc(0));
      const wanted = Math.min(length, 256 * 1024, cutAt === undefined ? length : Math.max(0, cutAt - offset));
      const buffer = Buffer.alloc(wanted);
      const read = wanted === 0 ? 0 : readSync(findFile(id).descriptor, buffer, 0, wanted, offset);
      if (read === 0) sftp.status(request, STATUS_CODE.EOF);
      else sftp.data(request, buffer.subarray(0, read));
    }),
  );
  sftp.on("WRITE", (request, id, offset, data) =>
    answer(request, "WRITE", nameOf(id), () => {
      const { descriptor, append } = findFile(id);
      writeSync(descriptor, data, 0, data.length, append ? null : offset);
      done(request);
    }),
  );
  sftp.on("CLOSE", (request, id) =>
    answer(request, "CLOSE", nameOf(id), () => {
      const handle = find(id);
      handles.delete(id.readUInt32BE(0));
      if (handle.kind === "file") closeSync(handle.descriptor);
      done(request);
    }),
  );
  sftp.on("OPENDIR", (request, path) =>
    answer(request, "OPENDIR", jail.toClient(path), () => {
      const names = readdirSync(jail.toDisk(path));
      sftp.handle(request, keep({ kind: "folder", path: jail.toClient(path), names: [".", "..", ...names] }));
    }),
  );
  sftp.on("READDIR", (request, id) =>
    answer(request, "READDIR", nameOf(id), () => {
      const handle = find(id);
      if (handle.kind !== "folder") return sftp.status(request, STATUS_CODE.FAILURE);
      const listing = handle.names.splice(0, namesAtOnce).flatMap((name) => listed(jail, handle.path, name));
      if (listing.length === 0) sftp.status(request, STATUS_CODE.EOF);
      else sftp.name(request, listing);
    }),
  );
  sftp.on("MKDIR", (request, path) =>
    answer(request, "MKDIR", jail.toClient(path), () => {
      mkdirSync(jail.toDisk(path));
      done(request);
    }),
  );
  sftp.on("RMDIR", (request, path) =>
    answer(request, "RMDIR", jail.toClient(path), () => {
      rmdirSync(jail.toDisk(path));
      done(request);
    }),
  );
  sftp.on("REMOVE", (request, path) =>
    answer(request, "REMOVE", jail.toClient(path), () => {
      unlinkSync(jail.toDisk(path));
      done(request);
    }),
  );
  sftp.on("RENAME", (request, from, to) =>
    answer(request, "RENAME", jail.toClient(from), () => {
      renameIfFree(jail.toDisk(from), jail.toDisk(to));
      done(request);
    }),
  );
  sftp.on("SETSTAT", (request, path, attributes) =>
    answer(request, "STAT", jail.toClient(path), () => change(request, jail.toDisk(path), attributes)),
  );
  sftp.on("FSETSTAT", (request, id, attributes) =>
    answer(request, "STAT", nameOf(id), () => change(request, jail.toDisk(findFile(id).path), attributes)),
  );
  const change = (request: number, disk: string, attributes: Attributes): void => {
    const { size, mode, atime, mtime, uid } = attributes as Partial<Attributes>;
    if (uid !== undefined) {
      sftp.status(request, STATUS_CODE.OP_UNSUPPORTED);
      return;
    }
    statSync(disk);
    if (size !== undefined) truncateSync(disk, size);
    if (mode !== undefined) chmodSync(disk, mode & 0o7777);
    if (mtime !== undefined) utimesSync(disk, atime ?? mtime, mtime);
    done(request);
  };
  // Links could lead out of the root, and the file exchange needs none.
  sftp.on("SYMLINK", (request) => sftp.status(request, STATUS_CODE.OP_UNSUPPORTED));
  sftp.on("READLINK", (request) => sftp.status(request, STATUS_CODE.OP_UNSUPPORTED));
  sftp.on("EXTENDED", (request) => sftp.status(request, STATUS_CODE.OP_UNSUPPORTED));
  // A client that says no more waits for us to do the same.
  sftp.on("end", () => sftp.end());
  sftp.on("close", () => {
    for (const handle of handles.values()) if (handle.kind === "file") closeSync(handle.descriptor);
    handles.clear();
  });

  function nameOf(id: Buffer): string {
    return handles.get(id.length === 4 ? id.readUInt32BE(0) : -1)?.path ?? "";
  }
}

/** OpenSSH resolves a path whose last part is missing, but none that leads through something missing. */
function requireFolders(jail: Jail, path: string): void {
  const parts = path.split("/");
  for (let length = 1; length < parts.length; length += 1) {
    if (parts[length - 1] !== "") statSync(jail.toDisk(parts.slice(0, length).join("/")));
  }
}

/** OpenSSH's plain rename: it never replaces what is there. */
function renameIfFree(from: string, to: string): void {
  if (lstatSync(from).isDirectory()) {
    if (existsSync(to)) throw Object.assign(new Error("exists"), { code: "EEXIST" });
    renameSync(from, to);
    return;
  }
  // A hard link fails where the name is taken, also when somebody takes it this very moment.
  linkSync(from, to);
  unlinkSync(from);
}

function listed(jail: Jail, folder: string, name: string) {
  try {
    const stats = lstatSync(jail.toDisk(`${folder}/${name === ".." ? "." : name}`));
    return [{ filename: name, longname: longName(name, stats), attrs: toAttributes(stats) }];
  } catch {
    // Removed since, or a link that leads out.
    return [];
  }
}

function longName(name: string, stats: Stats): string {
  const kind = stats.isDirectory() ? "d" : stats.isSymbolicLink() ? "l" : "-";
  const at = stats.mtime.toISOString().slice(0, 16).replace("T", " ");
  return `${kind}rw-r--r--    1 campaign campaign ${String(stats.size).padStart(8)} ${at} ${name}`;
}

/** `cutAt`: no more than so many bytes are there yet. */
function toAttributes(stats: Stats, cutAt = Number.POSITIVE_INFINITY): Attributes {
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  const { mode, uid, gid } = stats;
  const size = Math.min(stats.size, cutAt);
  return { mode, uid, gid, size, atime: seconds(stats.atimeMs), mtime: seconds(stats.mtimeMs) };
}

/** As OpenSSH's sftp-server translates errors of the system. */
const statusByCode: Readonly<Record<string, number>> = {
  ENOENT: STATUS_CODE.NO_SUCH_FILE,
  ENOTDIR: STATUS_CODE.NO_SUCH_FILE,
  EBADF: STATUS_CODE.NO_SUCH_FILE,
  ELOOP: STATUS_CODE.NO_SUCH_FILE,
  EPERM: STATUS_CODE.PERMISSION_DENIED,
  EACCES: STATUS_CODE.PERMISSION_DENIED,
  ENAMETOOLONG: STATUS_CODE.BAD_MESSAGE,
  EINVAL: STATUS_CODE.BAD_MESSAGE,
};

function statusOf(error: unknown): number {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return statusByCode[code] ?? STATUS_CODE.FAILURE;
}

const flagPairs: readonly (readonly [wire: number, disk: number])[] = [
  [OPEN_MODE.APPEND, constants.O_APPEND],
  [OPEN_MODE.CREAT, constants.O_CREAT],
  [OPEN_MODE.TRUNC, constants.O_TRUNC],
  [OPEN_MODE.EXCL, constants.O_EXCL],
];

function diskFlags(flags: number): number {
  const reads = (flags & OPEN_MODE.READ) !== 0;
  const writes = (flags & OPEN_MODE.WRITE) !== 0;
  const access = writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  return flagPairs.reduce((all, [wire, disk]) => ((flags & wire) === 0 ? all : all | disk), access);
}
