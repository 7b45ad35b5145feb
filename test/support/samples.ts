// Named sample values, invented. A test changes what it is about and nothing else.

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
