// Named sample values, invented. A test changes what it is about and nothing else.

import type { OptOutDecision } from "../../shared/flows/optout-ports.js";
import type { Failure } from "../../shared/flows/ports.js";
import type { Envelope } from "../../shared/model/envelope.js";
import { parseRecordId, type RecordId, type RowVersion } from "../../shared/model/ids.js";

/** The `n`-th record id. */
export function recordId(n: number): RecordId {
  return parseRecordId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
}

/** A row version. */
export function version(n: number | bigint): RowVersion {
  return String(n) as RowVersion;
}

/** An upsert of contact 1 that a webhook brought, with `changes` on top. */
export function anEnvelope(changes: Partial<Envelope> = {}): Envelope {
  return {
    v: 1,
    table: "contact",
    id: recordId(1),
    kind: "upsert",
    version: version(1001),
    cause: "notice",
    attempt: 0,
    occurredAt: "2026-03-01T10:00:00Z",
    correlationId: "correlation-1",
    ...changes,
  };
}

/** A failure of contact 1, with `changes` on top. */
export function aFailure(changes: Partial<Failure> = {}): Failure {
  return {
    flow: "ingress",
    table: "contact",
    id: recordId(1),
    reason: "refused",
    code: "CAM-000001",
    message: "campaign refused profile",
    attempts: 0,
    cause: "notice",
    correlationId: "correlation-1",
    ...changes,
  };
}

/** A decision on contact 1, opted out of e-mail in Campaign, with `changes` on top. */
export function aDecision(changes: Partial<OptOutDecision> = {}): OptOutDecision {
  return {
    id: "a",
    at: "2026-03-01T10:00:05.000Z",
    table: "contact",
    record: recordId(1),
    attribute: "email",
    column: "donotemail",
    direction: "both",
    dynamics: { value: false, changedAt: "2026-03-01T09:00:00.000Z", version: "1001" },
    campaign: { value: true, changedAt: "2026-03-01T10:00:00.000Z" },
    remembered: { dynamics: false, campaign: false },
    rule: "opt-out-in-campaign",
    wrote: { side: "dynamics", value: true },
    result: "written",
    cause: "optout",
    correlationId: "correlation-1",
    ...changes,
  };
}
