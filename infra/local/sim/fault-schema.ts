// The fault language: what a fault may say, and errors that name the field. When and what it strikes is in fault-engine.ts.
import { z } from "zod";
import type { CoreFault } from "./types.js";

const instant = z.union([
  z.number().min(0),
  z.string().refine((text) => !Number.isNaN(Date.parse(text)), "not an ISO instant"),
]);

/** The members that say when a fault strikes; the same for every kind of fault of every stand-in (README.md). */
export const timingMembers = {
  times: z.int().min(1).optional(),
  rate: z.number().min(0).max(1).optional(),
  from: instant.optional(),
  to: instant.optional(),
  after: z.int().min(0).optional(),
  seed: z.int().min(0).optional(),
};

const httpFaultSchema = z
  .strictObject({
    on: z.string().regex(/^(\*|[A-Z]+) \/?\S+$/, 'must read "METHOD glob", e.g. "PATCH /profile/*" or "* **"'),
    ...timingMembers,
    answer: z
      .strictObject({
        status: z.int().min(200).max(599),
        body: z.unknown().optional(),
        retryAfter: z.union([z.number().min(0), z.string()]).optional(),
        headers: z.record(z.string(), z.string()).optional(),
      })
      .optional(),
    delayMs: z.number().min(0).max(600_000).optional(),
    reset: z.enum(["before", "mid-body"]).optional(),
    lost: z.literal(true).optional(),
  })
  .superRefine((fault, context) => {
    const { answer, delayMs, reset, lost } = fault;
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    if (!answer && delayMs === undefined && !reset && !lost) {
      refuse("answer", "a fault needs one of answer, delayMs, reset, lost");
    }
    if (lost && answer) refuse("lost", "the core would never see the request: lost cannot go with answer");
    if (lost && reset) refuse("lost", "cannot go with reset");
    if (reset === "before" && answer) refuse("reset", '"before" sends nothing: it cannot go with answer');
  });

const coreFaultSchema = z.looseObject({ on: z.string().regex(/^\S+$/), ...timingMembers });

/** A fault of one HTTP request, carried out by the chassis. */
export type HttpFault = z.infer<typeof httpFaultSchema>;

/** A refused fault; the message names the field. */
export class FaultSyntaxError extends Error {}

const problems = (error: z.ZodError, where: string): string =>
  error.issues.map((issue) => `${[where, ...issue.path].filter(Boolean).join(".")}: ${issue.message}`).join("; ");

/** Reads one fault or an array of them, each by the schema for its `on`. Throws FaultSyntaxError. */
export function readFaults<Fault>(body: unknown, schemaFor: (on: unknown) => z.ZodType<Fault>): Fault[] {
  const items: unknown[] = Array.isArray(body) ? body : [body];
  return items.map((item, index) => {
    const where = Array.isArray(body) ? `[${index}]` : "";
    const { on } = z.object({ on: z.unknown() }).catch({ on: undefined }).parse(item);
    const result = schemaFor(on).safeParse(item);
    if (!result.success) throw new FaultSyntaxError(problems(result.error, where));
    return result.data;
  });
}

/** Reads the faults of a simulator: `on` with a space is about an HTTP request, without one about the core. Throws FaultSyntaxError. */
export function parseFaults(body: unknown): (HttpFault | CoreFault)[] {
  return readFaults<HttpFault | CoreFault>(body, (on) =>
    typeof on === "string" && !on.includes(" ") ? coreFaultSchema : httpFaultSchema,
  );
}

/** Whether the chassis (not the core) carries the fault out. */
export function isHttpFault(fault: HttpFault | CoreFault): fault is HttpFault {
  return fault.on.includes(" ");
}
