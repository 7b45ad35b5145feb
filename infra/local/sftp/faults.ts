// Faults of the SFTP server, in the language of all stand-ins (../sim/README.md). What a strike does is in serve-sftp.ts.

import { z } from "zod";
import { makeFaultSet } from "../sim/fault-engine.js";
import { readFaults, timingMembers } from "../sim/fault-schema.js";
import { makeNameMatcher } from "../sim/path-pattern.js";

/** What a client can ask for; `AUTH` is the login, its name the user's. */
export const operations = [
  "AUTH",
  "OPEN",
  "READ",
  "WRITE",
  "CLOSE",
  "STAT",
  "OPENDIR",
  "READDIR",
  "MKDIR",
  "RMDIR",
  "REMOVE",
  "RENAME",
  "REALPATH",
] as const;
/** See `operations`. */
export type Operation = (typeof operations)[number];

const faultSchema = z
  .strictObject({
    on: z
      .string()
      .regex(new RegExp(`^(\\*|${operations.join("|")}) \\S+$`), 'must read "OPERATION path", e.g. "READ *.csv"'),
    ...timingMembers,
    answer: z.strictObject({ status: z.enum(["NO_SUCH_FILE", "PERMISSION_DENIED", "FAILURE"]) }).optional(),
    delayMs: z.number().min(0).max(600_000).optional(),
    /** The connection closes instead of an answer. */
    reset: z.literal("before").optional(),
    /** On READ and STAT: the file ends after so many bytes, as one that is still being written. */
    cutAt: z.int().nonnegative().optional(),
  })
  .refine((fault) => fault.answer ?? fault.reset ?? fault.delayMs ?? fault.cutAt, {
    path: ["answer"],
    error: "a fault needs one of answer, delayMs, reset, cutAt",
  });

/** A fault as posted. */
export type SftpFaultRequest = z.input<typeof faultSchema>;
type SftpFault = z.output<typeof faultSchema>;

/** What the faults that strike one operation do to it together. */
export interface Fate {
  delayMs: number;
  status?: "NO_SUCH_FILE" | "PERMISSION_DENIED" | "FAILURE";
  reset?: true;
  cutAt?: number;
}

/** The faults in force. */
export interface SftpFaults {
  /** Adds one or a list, all or none. Throws an error that names the field. */
  add(faults: SftpFaultRequest | readonly SftpFaultRequest[]): string[];
  list(): object[];
  remove(id?: string): number;
  decide(operation: Operation, name: string): Fate;
}

/** Makes an empty set; `seed` decides about rates. */
export function makeSftpFaults(now: () => number, seed: number): SftpFaults {
  let added = 0;
  const faults = makeFaultSet<SftpFault, { operation: Operation; name: string }>({
    startedAtMs: now(),
    seed,
    matcherOf({ on }) {
      const [wanted, glob = ""] = on.split(" ");
      const fits = makeNameMatcher(glob);
      return ({ operation, name }) => (wanted === "*" || wanted === operation) && fits(name);
    },
    isFinal: ({ answer, reset }) => Boolean(answer ?? reset),
  });
  return {
    add: (body) =>
      readFaults<SftpFault>(body, () => faultSchema).map((fault) => {
        added += 1;
        faults.add(String(added), fault);
        return String(added);
      }),
    list: faults.list,
    remove: faults.remove,
    decide(operation, name) {
      const fate: Fate = { delayMs: 0 };
      for (const { fault } of faults.strike({ operation, name }, now())) {
        fate.delayMs += fault.delayMs ?? 0;
        if (fault.answer) fate.status = fault.answer.status;
        if (fault.reset) fate.reset = true;
        if (fault.cutAt !== undefined) fate.cutAt = fault.cutAt;
      }
      return fate;
    },
  };
}
