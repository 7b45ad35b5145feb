// What the engine says when it refuses (facts/campaign.md §3.3), in the words of either version, and the gateway's own errors.

import type { SimResponse } from "../../sim/types.js";
import type { Settings } from "../settings.js";

const contact = "An error has occurred - please contact your administrator.";

/** A refusal of the Campaign engine. `v8` is what a migrated instance answers instead, when that is another text or status. */
export class EngineError extends Error {
  constructor(
    readonly status: number,
    readonly lines: readonly string[],
    readonly v8: { status: number; lines: readonly string[] } = { status, lines },
  ) {
    super(lines.join("\n"));
  }
}

/** Something this simulator does not imitate: answered with 501, never with a made-up success. */
export class NotImitatedError extends Error {}

const generic = { status: 500, lines: [contact] };

/** An encrypted PKey that this instance never gave out. */
export function badPKey(given: string, label: string, schema: string, endpoint?: string): EngineError {
  const name = given.replace(/^@/, "");
  const v8 = [`Unable to decrypt PKey. (PKey=${given})`];
  if (endpoint !== undefined) v8.push(`Unsupported endpoint. (endpoint=rest/${endpoint})`);
  return new EngineError(
    500,
    [
      `'${name}' attribute unknown (see definition of '${label} (${schema})' schema).`,
      `XTK-170036 Unable to parse expression '@id = ${given.startsWith("@") ? given : `@${given}`}'.`,
    ],
    { status: 404, lines: v8 },
  );
}

/** No record with this raw key, or a record that is gone or hidden. */
export function notFound(key: string, singular: string, resource: string): EngineError {
  const text = `Unable to find document with path '${singular}' from key '${key}:0' (document with schema '${resource}' and name '${key}')`;
  return new EngineError(404, [`RST-360011 ${contact}`, text], { status: 404, lines: [text] });
}

/** The URI names a resource, a filter or a collection that there is not; the text is (unconfirmed). */
export function noSuchPlace(text: string, endpoint: string): EngineError {
  return new EngineError(404, [`RST-360011 ${contact}`, text], {
    status: 404,
    lines: [`Unsupported endpoint. (endpoint=rest/${endpoint})`],
  });
}

/** A property that the resource does not have, as this API shows it. */
export function unknownProperty(name: string, resource: string): EngineError {
  return new EngineError(500, [`'${name}' property is not valid for the '${resource}' resource.`]);
}

/** A property that only the server writes. */
export function readOnlyProperty(name: string): EngineError {
  return new EngineError(500, [`Cannot update the '${name}' property that is read-only`]);
}

/** A value that an enumeration does not have. */
export function badEnumeration(value: string, enumeration: string, path: string): EngineError {
  const field = `@${path.split(".").at(-1)}`;
  return new EngineError(
    500,
    [
      `RST-360011 ${contact}`,
      `The value '${value}' is not valid for the '${enumeration}' enumeration of the '${field}' field`,
    ],
    generic,
  );
}

/** A value that does not fit its field; the texts are (unconfirmed). */
export function badValue(text: string): EngineError {
  return new EngineError(500, [`RST-360011 ${contact}`, text], generic);
}

/** A second record with the same identification key. */
export function duplicateKey(singular: string, schema: string, fields: readonly string[], values: readonly string[]) {
  const constraint = `${schema.replace(":", "")}_${fields.join("_")}`.toLowerCase();
  const columns = fields.map((field) => `s${field}`.toLowerCase()).join(", ");
  return new EngineError(
    500,
    [
      `A '${singular}' with the same key '${values.join(", ")}' already exists.`,
      `PGS-220000 PostgreSQL error: ERROR:  duplicate key value violates unique constraint "${constraint}"`,
      `DETAIL:  Key (${columns})=(${values.join(", ")}) already exists.`,
    ],
    generic,
  );
}

/** A PATCH that would give a record another key. */
export function inconsistentKey(resource: string, from: string, to: string): EngineError {
  return new EngineError(
    500,
    [
      `RST-360011 ${contact}`,
      `RST-360012 Inconsistent operation on resource '${resource}' – Cannot update key '${from}' to '${to}'.`,
    ],
    generic,
  );
}

/** The engine's answer to a refusal, in the envelope and the version that the switches ask for. */
export function toErrorResponse(error: EngineError, settings: Settings): SimResponse {
  const { status, lines } = settings.version === "v8" ? error.v8 : error;
  const message = lines.join("\n");
  if (settings.errorEnvelope === "text") {
    return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: message };
  }
  const code = /^[A-Z]{3}-\d{6}/.exec(message)?.[0] ?? String(status);
  return json(status, { error_code: code, message });
}

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): SimResponse {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** The gateway's envelope for a caller that may not come in. */
export function gatewayError(code: string, message: string, headers: Record<string, string> = {}): SimResponse {
  return json(Number(code.slice(0, 3)), { error_code: code, message }, headers);
}

/** The gateway's envelope when there is nothing behind the URI. */
export function oops(status: 500 | 502): SimResponse {
  return json(status, { code: status, message: "Oops. Something went wrong. Check your URI and try again." });
}
