// Campaign's error answers to our kinds (facts/campaign.md §2.4, §3.3). Its engine answers data errors as HTTP 500, so the text
// decides; texts may hold values of the record and never leave this file: what is passed on is the rule and the field's name.

import {
  AuthError,
  ConflictError,
  MissingError,
  RefusedError,
  type SyncError,
  TableError,
  UnavailableError,
} from "../errors.js";
import type { HttpResponse } from "../http/client.js";
import { parseJson } from "../http/json.js";

/** What one engine text means. Order matters: the first that matches decides. */
const rules: readonly { pattern: RegExp; code: string; kind: "duplicate" | "missing" | "refused" }[] = [
  { pattern: /already exists|duplicate key/i, code: "duplicate-key", kind: "duplicate" },
  { pattern: /RST-360012/, code: "key-change", kind: "refused" },
  { pattern: /Unable to find document|decrypt PKey|XTK-170036/, code: "not-found", kind: "missing" },
  { pattern: /Cannot update the '([\w.@]+)' property that is read-only/, code: "read-only", kind: "refused" },
  { pattern: /'([\w.@]+)' property is not valid for the '[^']*' resource/, code: "unknown-field", kind: "refused" },
  {
    pattern: /is not valid for the '[^']*' enumeration(?: of the '@?([\w.]+)' field)?/,
    code: "bad-enumeration-value",
    kind: "refused",
  },
  { pattern: /XTK-170006/, code: "bad-expression", kind: "refused" },
];

/** Is this answer a permanent word of the engine about the data? Then sending it again changes nothing, though it is a 500. */
export function isEngineVerdict(response: HttpResponse): boolean {
  return rules.some((rule) => rule.pattern.test(response.text));
}

/** The error for a final answer that is not a success. */
export function toCampaignError(operation: string, response: HttpResponse): SyncError {
  const { status } = response;
  const vendorCode = vendorCodeOf(response.text);
  const context = { system: "campaign", operation, status, vendorCode, ...(response.mayEcho && { mayEcho: true }) };
  if (status === 401 || status === 403) {
    return new AuthError(`Campaign's gateway refuses us (${status} ${context.vendorCode}) for ${operation}`, context);
  }
  for (const { pattern, code, kind } of rules) {
    const match = pattern.exec(response.text);
    if (!match) continue;
    const field = match[1] === undefined ? "" : ` (field ${match[1]})`;
    const said = `Campaign refused ${operation}: ${code}${field}`;
    if (kind === "duplicate") return new ConflictError(said, { ...context, code });
    if (kind === "missing") return new MissingError(said, { ...context, code });
    return new RefusedError(said, code, { ...context, field: match[1] });
  }
  if (status === 404)
    return new TableError(
      `Campaign does not know the address of ${operation} (404): is the resource published with its API?`,
      "404",
      context,
    );
  if (status >= 500) return new UnavailableError(`Campaign answered ${status} to ${operation}`, true, context);
  return new RefusedError(
    `Campaign refused ${operation}: status ${status}`,
    context.vendorCode || String(status),
    context,
  );
}

/** Code in either gateway envelope or in front of an engine text; never free text. */
function vendorCodeOf(text: string): string {
  const body = parseJson(text);
  if (typeof body === "object" && body !== null) {
    if ("error_code" in body) return String(body.error_code).slice(0, 40);
    if ("code" in body) return String(body.code).slice(0, 40);
  }
  return /\b(?:RST|XTK|PGS)-\d+/.exec(text)?.[0] ?? "";
}
