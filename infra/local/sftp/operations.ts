// The operations of SFTP version 3 on a real folder, with the outcomes of OpenSSH's sftp-server. How requests get here, in which order,
// and what faults do to them is in serve-session.ts.

import { constants, type Dir } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { FileEntry } from "ssh2";
import { toAttributes, toLongName, type WantedAttributes } from "./attributes.js";
import { findPlace, toAbsolute } from "./root-folder.js";
import { SftpError, type StatusName } from "./status.js";

/** What a request is answered with. */
export type Reply =
  | { status: StatusName }
  | { handle: Buffer }
  | { data: Buffer }
  | { names: FileEntry[] }
  | { attributes: ReturnType<typeof toAttributes> };

type Opened =
  | { path: string; file: fs.FileHandle; appends: boolean }
  | { path: string; real: string; folder: Dir; begun: boolean };

/** Bits of the flags a file is opened with. */
const flag = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

const maxReadBytes = 255 * 1024;
const namesPerAnswer = 100;
const maxHandles = 256;
const done: Reply = { status: "OK" };

function toOpenFlags(flags: number): number {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const access = has(flag.write) ? (has(flag.read) ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  return (
    access |
    (has(flag.append) ? constants.O_APPEND : 0) |
    (has(flag.create) ? constants.O_CREAT : 0) |
    (has(flag.truncate) ? constants.O_TRUNC : 0) |
    (has(flag.exclusive) ? constants.O_EXCL : 0)
  );
}

/** The operations of one SFTP session with its open handles. Each either answers or throws what status.ts turns into a status. */
export type Operations = ReturnType<typeof makeOperations>;

/** Makes the operations of one session below `root`, an existing folder without links in its path. */
export function makeOperations(root: string) {
  const handles = new Map<string, Opened>();
  let opened = 0;

  const place = (path: string, follow = true) => findPlace(root, path, follow);

  /** The place of something that is to be made, moved or taken away: never the root itself. */
  async function entry(path: string): Promise<string> {
    const { real } = await place(path, false);
    if (real === root) throw new SftpError("FAILURE");
    return real;
  }

  function keep(entered: Opened): Reply {
    opened += 1;
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(opened);
    handles.set(handle.toString("hex"), entered);
    return { handle };
  }

  function refuseTooMany(): void {
    if (handles.size >= maxHandles) throw new SftpError("FAILURE");
  }

  const find = (handle: Buffer): Opened | undefined => handles.get(handle.toString("hex"));

  function fileOf(handle: Buffer) {
    const found = find(handle);
    if (found === undefined || !("file" in found)) throw new SftpError("FAILURE");
    return found;
  }

  async function setOwner(stats: Promise<{ uid: number; gid: number }>, wanted: WantedAttributes): Promise<void> {
    if (wanted.uid === undefined) return;
    const { uid, gid } = await stats;
    // As for anybody but root.
    if (wanted.uid !== uid || wanted.gid !== gid) throw new SftpError("PERMISSION_DENIED");
  }

  return {
    /** Path of an open handle as its client named it; "" for one that is not open. */
    pathOf: (handle: Buffer): string => find(handle)?.path ?? "",

    async open(path: string, flags: number, wanted: WantedAttributes): Promise<Reply> {
      refuseTooMany();
      const isNew = (flags & flag.create) !== 0 && (flags & flag.exclusive) !== 0;
      const { real } = await place(path, !isNew);
      const file = await fs.open(real, toOpenFlags(flags) | constants.O_NOFOLLOW, (wanted.mode ?? 0o666) & 0o777);
      return keep({ path: toAbsolute(path), file, appends: (flags & flag.append) !== 0 });
    },
    async close(handle: Buffer): Promise<Reply> {
      const found = find(handle);
      if (found === undefined) throw new SftpError("NO_SUCH_FILE");
      handles.delete(handle.toString("hex"));
      await ("file" in found ? found.file : found.folder).close();
      return done;
    },
    async read(handle: Buffer, offset: number, length: number): Promise<Reply> {
      const { file } = fileOf(handle);
      const buffer = Buffer.alloc(Math.min(length, maxReadBytes));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      return bytesRead === 0 && length > 0 ? { status: "EOF" } : { data: buffer.subarray(0, bytesRead) };
    },
    async write(handle: Buffer, offset: number, data: Buffer): Promise<Reply> {
      const { file, appends } = fileOf(handle);
      const { bytesWritten } = await file.write(data, 0, data.length, appends ? null : offset);
      return bytesWritten === data.length ? done : { status: "FAILURE" };
    },
    stat: async (path: string): Promise<Reply> => ({
      attributes: toAttributes(await fs.lstat((await place(path)).real)),
    }),
    lstat: async (path: string): Promise<Reply> => ({
      attributes: toAttributes(await fs.lstat((await place(path, false)).real)),
    }),
    fstat: async (handle: Buffer): Promise<Reply> => ({ attributes: toAttributes(await fileOf(handle).file.stat()) }),
    async setstat(path: string, wanted: WantedAttributes): Promise<Reply> {
      const { real } = await place(path);
      if (wanted.size !== undefined) await fs.truncate(real, wanted.size);
      if (wanted.mode !== undefined) await fs.chmod(real, wanted.mode & 0o777);
      if (wanted.atime !== undefined) await fs.utimes(real, wanted.atime, wanted.mtime ?? wanted.atime);
      await setOwner(fs.lstat(real), wanted);
      return done;
    },
    async fsetstat(handle: Buffer, wanted: WantedAttributes): Promise<Reply> {
      const { file } = fileOf(handle);
      if (wanted.size !== undefined) await file.truncate(wanted.size);
      if (wanted.mode !== undefined) await file.chmod(wanted.mode & 0o777);
      if (wanted.atime !== undefined) await file.utimes(wanted.atime, wanted.mtime ?? wanted.atime);
      await setOwner(file.stat(), wanted);
      return done;
    },
    async opendir(path: string): Promise<Reply> {
      refuseTooMany();
      const { real } = await place(path);
      return keep({ path: toAbsolute(path), real, folder: await fs.opendir(real), begun: false });
    },
    async readdir(handle: Buffer): Promise<Reply> {
      const found = find(handle);
      if (found === undefined || !("folder" in found)) throw new SftpError("FAILURE");
      const names: FileEntry[] = [];
      const add = async (filename: string): Promise<void> => {
        // What is taken away in the meantime is not listed, and nothing above the root is looked at.
        const real = filename === ".." && found.real === root ? root : join(found.real, filename);
        const stats = await fs.lstat(real).catch(() => undefined);
        if (stats) names.push({ filename, longname: toLongName(filename, stats), attrs: toAttributes(stats) });
      };
      if (!found.begun) for (const name of [".", ".."]) await add(name);
      found.begun = true;
      while (names.length < namesPerAnswer) {
        const next = await found.folder.read();
        if (next === null) break;
        await add(next.name);
      }
      return names.length === 0 ? { status: "EOF" } : { names };
    },
    async mkdir(path: string, wanted: WantedAttributes): Promise<Reply> {
      const { real } = await place(path.replace(/(?<=.)\/+$/, ""), false);
      await fs.mkdir(real, (wanted.mode ?? 0o777) & 0o777);
      return done;
    },
    async rmdir(path: string): Promise<Reply> {
      await fs.rmdir(await entry(path));
      return done;
    },
    async remove(path: string): Promise<Reply> {
      const real = await entry(path);
      // Some systems call it EPERM when a folder is unlinked.
      if ((await fs.lstat(real)).isDirectory()) throw new SftpError("FAILURE");
      await fs.unlink(real);
      return done;
    },
    /** Never replaces what is there: a file is linked under its new name first, so that nobody can come between. */
    async rename(from: string, to: string): Promise<Reply> {
      const [old, fresh] = [await entry(from), await entry(to)];
      const stats = await fs.lstat(old);
      if (stats.isFile()) {
        await fs.link(old, fresh);
        await fs.unlink(old);
        return done;
      }
      const isTaken = await fs.lstat(fresh).then(
        () => true,
        () => false,
      );
      if (isTaken) throw new SftpError("FAILURE");
      await fs.rename(old, fresh);
      return done;
    },
    async realpath(path: string): Promise<Reply> {
      const { path: filename } = await place(path);
      // The protocol wants no attributes here.
      return { names: [{ filename, longname: filename, attrs: {} as FileEntry["attrs"] }] };
    },
    /** Closes what the client left open. */
    async closeAll(): Promise<void> {
      const left = [...handles.values()];
      handles.clear();
      await Promise.allSettled(left.map((found) => ("file" in found ? found.file : found.folder).close()));
    },
  };
}
