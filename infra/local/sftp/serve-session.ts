// One SFTP session: its requests one after the other, as OpenSSH's sftp-server takes them, each through faults and latency. What the
// operations do is in operations.ts.

import type { SFTPWrapper } from "ssh2";
import type { WantedAttributes } from "./attributes.js";
import type { Calls, Fate } from "./calls.js";
import type { Operations, Reply } from "./operations.js";
import { toAbsolute } from "./root-folder.js";
import { statusCodes, statusTexts, toStatus } from "./status.js";

/** What a session needs besides its channel. `drop` kills the connection; after that, or `signal`, nothing more is carried out. */
export interface SessionParts {
  operations: Operations;
  calls: Calls;
  client: string;
  signal: AbortSignal;
  drop(): void;
}

/** Serves a session until its client leaves; `finish` ends it, after what was asked so far, and closes its handles. */
export function serveSession(sftp: SFTPWrapper, parts: SessionParts): { finish(): Promise<void> } {
  const { operations, calls } = parts;
  let queue = Promise.resolve();
  let isOver = false;

  function send(id: number, reply: Reply, message?: string): string {
    if ("status" in reply) {
      sftp.status(id, statusCodes[reply.status], message ?? statusTexts[reply.status]);
      return reply.status;
    }
    if ("handle" in reply) sftp.handle(id, reply.handle);
    else if ("data" in reply) sftp.data(id, reply.data);
    else if ("names" in reply) sftp.name(id, reply.names);
    else sftp.attrs(id, reply.attributes);
    return "OK";
  }

  async function carryOut(fate: Fate, act: (fate: Fate) => Promise<Reply>): Promise<Reply> {
    try {
      return fate.answer ?? (await act(fate));
    } catch (error) {
      return { status: toStatus(error) };
    }
  }

  async function serve(
    id: number,
    operation: string,
    path: string,
    act: (fate: Fate) => Promise<Reply>,
  ): Promise<void> {
    if (isOver || parts.signal.aborted) return;
    const call = calls.begin(operation, path, parts.client);
    const { fate } = call;
    const cut = (): void => {
      isOver = true;
      parts.drop();
      call.end("none");
    };
    await call.arrive();
    if (fate.reset || parts.signal.aborted) return cut();
    const reply = await carryOut(fate, act);
    await call.answer();
    if (fate.lost) return cut();
    call.end(send(id, reply, fate.answer?.message));
  }

  function take(id: number, operation: string, path: string, act: (fate: Fate) => Promise<Reply>): void {
    queue = queue
      .then(() => serve(id, operation, path, act))
      .catch((error: unknown) => console.error(`sftp: ${operation}`, error));
  }
  const onPath = (id: number, operation: string, path: string, act: () => Promise<Reply>): void =>
    take(id, operation, toAbsolute(path), act);
  const onHandle = (id: number, operation: string, handle: Buffer, act: (fate: Fate) => Promise<Reply>): void =>
    take(id, operation, operations.pathOf(handle), act);
  const refuse = (id: number, feature: string): void =>
    sftp.status(id, statusCodes.OP_UNSUPPORTED, `this server does not imitate ${feature}`);

  sftp
    .on("OPEN", (id, path, flags, wanted: WantedAttributes) =>
      onPath(id, "OPEN", path, () => operations.open(path, flags, wanted)),
    )
    .on("CLOSE", (id, handle) => onHandle(id, "CLOSE", handle, () => operations.close(handle)))
    .on("READ", (id, handle, offset, length) =>
      onHandle(id, "READ", handle, async ({ endsAt = Number.POSITIVE_INFINITY }) =>
        offset >= endsAt ? { status: "EOF" } : operations.read(handle, offset, Math.min(length, endsAt - offset)),
      ),
    )
    .on("WRITE", (id, handle, offset, sent) => {
      // Waits its turn, and the buffer it came in is the library's.
      const data = Buffer.from(sent);
      onHandle(id, "WRITE", handle, async ({ fullAt = Number.POSITIVE_INFINITY }) => {
        const fits = data.subarray(0, Math.max(0, Math.min(data.length, fullAt - offset)));
        const reply = await operations.write(handle, offset, fits);
        return fits.length === data.length ? reply : { status: "FAILURE" };
      });
    })
    .on("STAT", (id, path) => onPath(id, "STAT", path, () => operations.stat(path)))
    .on("LSTAT", (id, path) => onPath(id, "LSTAT", path, () => operations.lstat(path)))
    .on("FSTAT", (id, handle) => onHandle(id, "FSTAT", handle, () => operations.fstat(handle)))
    .on("SETSTAT", (id, path, wanted: WantedAttributes) =>
      onPath(id, "SETSTAT", path, () => operations.setstat(path, wanted)),
    )
    .on("FSETSTAT", (id, handle, wanted: WantedAttributes) =>
      onHandle(id, "FSETSTAT", handle, () => operations.fsetstat(handle, wanted)),
    )
    .on("OPENDIR", (id, path) => onPath(id, "OPENDIR", path, () => operations.opendir(path)))
    .on("READDIR", (id, handle) => onHandle(id, "READDIR", handle, () => operations.readdir(handle)))
    .on("MKDIR", (id, path, wanted: WantedAttributes) =>
      onPath(id, "MKDIR", path, () => operations.mkdir(path, wanted)),
    )
    .on("RMDIR", (id, path) => onPath(id, "RMDIR", path, () => operations.rmdir(path)))
    .on("REMOVE", (id, path) => onPath(id, "REMOVE", path, () => operations.remove(path)))
    .on("RENAME", (id, from, to) => onPath(id, "RENAME", from, () => operations.rename(from, to)))
    .on("REALPATH", (id, path) => onPath(id, "REALPATH", path, () => operations.realpath(path)))
    .on("SYMLINK", (id) => refuse(id, "symbolic links"))
    .on("READLINK", (id) => refuse(id, "reading of links"))
    .on("EXTENDED", (id, name) => refuse(id, `the extension ${name}`));

  let finished: Promise<void> | undefined;
  const finish = (): Promise<void> => {
    finished ??= queue.then(() => operations.closeAll());
    return finished;
  };
  // A message that cannot be read: the library has closed the channel.
  sftp.on("error", () => undefined);
  sftp.on("end", () => void finish().then(() => sftp.end()));
  sftp.on("close", () => void finish());
  return { finish };
}
