// What leaves for a webhook or a bus: a context as text, cut to the size its road takes, with what travels beside it;
// facts/dataverse.md §1.2, §1.6, §2. What is in a context is in context.ts.
import type { BusMessage } from "../../sim/types.js";
import type { Session } from "../session.js";
import { buildContext, entityNameOf, type RowEvent } from "./context.js";
import { toDialectJson } from "./encode.js";
import type { Step } from "./steps.js";

/** The HTTP call of a step. */
export interface WebhookMessage {
  headers: Record<string, string>;
  body: string;
  /** Too large even after the cut: must not be sent. */
  tooLarge: boolean;
}

const CUT_MEMBERS = ["InputParameters", "ParentContext", "PostEntityImages", "PreEntityImages"];

interface SizedBody {
  body: string;
  cut: boolean;
  tooLarge: boolean;
}

function toSizedBody(session: Session, context: Record<string, unknown>, maxBytes: number): SizedBody {
  const whole = toDialectJson(context);
  if (Buffer.byteLength(whole) <= maxBytes) return { body: whole, cut: false, tooLarge: false };
  const replacement = session.org.switches.webhookTruncation === "absent" ? undefined : null;
  const removed = Object.fromEntries(CUT_MEMBERS.map((member) => [member, replacement]));
  const body = toDialectJson({ ...context, ...removed });
  return { body, cut: true, tooLarge: Buffer.byteLength(body) > maxBytes };
}

const hostOf = (session: Session): string => new URL(session.request.origin).host;

/** The whole call of a step, cut to the platform's size limit (facts/dataverse.md §1.2, §1.6). */
export function buildWebhookMessage(
  session: Session,
  event: RowEvent,
  step: Step,
  operationId: string,
): WebhookMessage {
  const context = buildContext(session, event, step, operationId);
  const { body, cut, tooLarge } = toSizedBody(session, context, session.org.switches.webhookMaxBytes);
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "x-request-id": session.requestId,
    "x-ms-dynamics-organization": hostOf(session),
    "x-ms-dynamics-entity-name": entityNameOf(event),
    "x-ms-dynamics-request-name": event.message,
    "x-ms-correlation-request-id": session.correlationId,
    ...(cut ? { "x-ms-dynamics-msg-size-exceeded": "true" } : {}),
  };
  return { headers, body, tooLarge };
}

const CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims";

/** The brokered message of a step, cut to 192 KB (facts/dataverse.md §2). The properties stay whatever is cut. */
export function buildBusMessage(
  session: Session,
  event: RowEvent,
  step: Step,
  operationId: string,
): { message: BusMessage; tooLarge: boolean } {
  const { switches } = session.org;
  const context = buildContext(session, event, step, operationId);
  const { body, cut, tooLarge } = toSizedBody(session, context, switches.busMaxBytes);
  const properties = {
    [`${CLAIMS}/Organization`]: hostOf(session),
    [`${CLAIMS}/User`]: String(context.UserId),
    [`${CLAIMS}/InitiatingUser`]: String(context.InitiatingUserId),
    [`${CLAIMS}/EntityLogicalName`]: entityNameOf(event),
    [`${CLAIMS}/RequestName`]: event.message,
    [`${CLAIMS}/InitiatingUserAgent`]: session.caller.userAgent,
    ...(cut ? { MessageMaxSizeExceeded: true } : {}),
  };
  const ids =
    switches.busMessageIds === "operation" ? { messageId: operationId, correlationId: session.correlationId } : {};
  return { message: { body, contentType: "application/json", properties, ...ids }, tooLarge };
}
