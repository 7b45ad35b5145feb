// What a fault of the SFTP server may say (README.md). When it strikes is in ../sim/, what it then does is in calls.ts and its callers.

import { z } from "zod";
import { readFaults, timingMembers } from "../sim/fault-schema.js";
import { type StatusName, statusCodes } from "./status.js";

/** What can happen between a client and the server: a connection, a login, and the requests of SFTP. */
export const operationNames = [
  ...["CONNECT", "AUTH", "OPEN", "CLOSE", "READ", "WRITE", "STAT", "LSTAT", "FSTAT", "SETSTAT", "FSETSTAT"],
  ...["OPENDIR", "READDIR", "MKDIR", "RMDIR", "REMOVE", "RENAME", "REALPATH"],
] as const;

/** The `on` of a fault or a latency. */
export const onSchema = z
  .string()
  .regex(
    new RegExp(`^(\\*|${operationNames.join("|")}) [^?]+$`),
    `must read "OPERATION glob", e.g. "READ **/*.csv" or "* **"; operations are ${operationNames.join(", ")}`,
  );

const statusNames = Object.keys(statusCodes) as StatusName[];

const sftpFaultSchema = z
  .strictObject({
    on: onSchema,
    ...timingMembers,
    answer: z.strictObject({ status: z.enum(statusNames), message: z.string().optional() }).optional(),
    delayMs: z.number().min(0).max(600_000).optional(),
    reset: z.literal(true).optional(),
    lost: z.literal(true).optional(),
    endsAt: z.int().min(0).optional(),
    fullAt: z.int().min(0).optional(),
  })
  .superRefine(({ on, answer, delayMs, reset, lost, endsAt, fullAt }, context) => {
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    const final = { answer, reset, lost, endsAt, fullAt };
    const given = Object.entries(final).filter(([, value]) => value !== undefined);
    if (given.length === 0 && delayMs === undefined) {
      refuse("answer", "a fault needs one of answer, delayMs, reset, lost, endsAt, fullAt");
    }
    if (given.length > 1) refuse(given[1]?.[0] ?? "on", `cannot go with ${given[0]?.[0]}`);
    if (endsAt !== undefined && !on.startsWith("READ ")) refuse("endsAt", 'only on "READ glob"');
    if (fullAt !== undefined && !on.startsWith("WRITE ")) refuse("fullAt", 'only on "WRITE glob"');
  });

/** A fault in force. */
export type SftpFault = z.output<typeof sftpFaultSchema>;

/** A fault as posted. */
export type SftpFaultRequest = z.input<typeof sftpFaultSchema>;

/** Reads one fault or an array of them; throws FaultSyntaxError that names the field. */
export function parseSftpFaults(body: unknown): SftpFault[] {
  return readFaults<SftpFault>(body, () => sftpFaultSchema);
}
