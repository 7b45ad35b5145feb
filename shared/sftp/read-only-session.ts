import type { SftpSession } from "./sftp-session.js";

/** The login of a dry run: files are read, and stay where they are. */
export function makeReadOnlySession(session: SftpSession): SftpSession {
  return {
    get isOpen() {
      return session.isOpen;
    },
    list: (folder) => session.list(folder),
    stat: (path) => session.stat(path),
    read: (path, offset, length) => session.read(path, offset, length),
    rename: async () => {},
    ensureFolder: async () => {},
    close: () => session.close(),
  };
}
