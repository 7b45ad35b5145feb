/** Status codes of SFTP version 3, by name. */
export const statusCodes = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;

export type StatusName = keyof typeof statusCodes;

/** The texts OpenSSH sends with them. */
export const statusTexts: Record<StatusName, string> = {
  OK: "Success",
  EOF: "End of file",
  NO_SUCH_FILE: "No such file",
  PERMISSION_DENIED: "Permission denied",
  FAILURE: "Failure",
  BAD_MESSAGE: "Bad message",
  OP_UNSUPPORTED: "Operation unsupported",
};

/** An operation that ends with a status of its own, e.g. because its handle is not known. */
export class SftpError extends Error {
  constructor(readonly status: StatusName) {
    super(statusTexts[status]);
  }
}

const byErrno: Record<string, StatusName> = {
  ENOENT: "NO_SUCH_FILE",
  ENOTDIR: "NO_SUCH_FILE",
  EBADF: "NO_SUCH_FILE",
  ELOOP: "NO_SUCH_FILE",
  EPERM: "PERMISSION_DENIED",
  EACCES: "PERMISSION_DENIED",
  EFAULT: "PERMISSION_DENIED",
  ENAMETOOLONG: "BAD_MESSAGE",
  EINVAL: "BAD_MESSAGE",
  ENOSYS: "OP_UNSUPPORTED",
  // Offsets and names that no system call can take.
  ERR_OUT_OF_RANGE: "BAD_MESSAGE",
  ERR_INVALID_ARG_VALUE: "BAD_MESSAGE",
};

/** Status of an error of the file system, as OpenSSH's sftp-server translates it; what it does not name is FAILURE. */
export function toStatus(error: unknown): StatusName {
  if (error instanceof SftpError) return error.status;
  return byErrno[String((error as NodeJS.ErrnoException | undefined)?.code)] ?? "FAILURE";
}
