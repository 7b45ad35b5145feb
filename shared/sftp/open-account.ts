import { makeReadOnlySession } from "./read-only-session.js";
import { openSftp, type SftpAccount, type SftpSession, sftpStepMs } from "./sftp-session.js";

/** Logs in whenever it is called; read only, nothing on the account is moved or made. */
export function openerOf(account: Omit<SftpAccount, "timeoutMs">, isReadOnly: boolean): () => Promise<SftpSession> {
  return async () => {
    const session = await openSftp({ ...account, timeoutMs: sftpStepMs });
    return isReadOnly ? makeReadOnlySession(session) : session;
  };
}
