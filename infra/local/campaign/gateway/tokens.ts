// Access tokens of the IMS stand-in (facts/campaign.md §2.1): signed, so that they outlive a restart as real ones do.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { SimRequest, SimResponse, SimWorld } from "../../sim/types.js";
import type { Settings } from "../settings.js";
import { json } from "../wire/errors.js";

/** Issues and checks access tokens. */
export interface Tokens {
  /** Answers `POST /ims/token/v3`. */
  issue(request: SimRequest, settings: Settings): SimResponse;
  /** Client id of a valid token; undefined when it is garbage, expired or revoked. */
  clientOf(token: string): string | undefined;
  /** Makes all tokens issued so far worthless. */
  revoke(): void;
  readonly issued: number;
  /** Counts from zero again; tokens stay what they are. */
  reset(): void;
}

const signature = (text: string): string => createHmac("sha256", "campaign simulator").update(text).digest("base64url");
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function refuse(error: string, description: string): SimResponse {
  return json(400, { error, error_description: description });
}

/** Reads `a=b&c=d` of the body and of the query: clients use either (§2.1). */
function parameters(request: SimRequest): URLSearchParams {
  const all = new URLSearchParams(request.query);
  for (const [name, value] of new URLSearchParams(request.body)) all.set(name, value);
  return all;
}

/** Makes the token endpoint. `generation` is kept by the caller so that a revocation outlives a restart. */
export function makeTokens(world: SimWorld, generation: { get(): number; set(next: number): void }): Tokens {
  let issued = 0;

  return {
    get issued() {
      return issued;
    },
    issue(request, settings) {
      if (request.method !== "POST") return json(405, { error: "method_not_allowed" }, { allow: "POST" });
      const form = parameters(request);
      // Several secrets of one client are valid at once: each is an entry.
      const known = settings.clients.filter((each) => each.clientId === form.get("client_id"));
      const client = known.find((each) => each.clientSecret === form.get("client_secret"));
      if (form.get("grant_type") !== "client_credentials") {
        return refuse("unsupported_grant_type", `unsupported grant_type: ${form.get("grant_type") ?? "none"}`);
      }
      if (known.length === 0) return refuse("invalid_client", "invalid client_id parameter");
      if (client === undefined) return refuse("invalid_client", "invalid client_secret parameter");
      if (!(form.get("scope") ?? "").split(",").some((scope) => scope.trim() !== "")) {
        return refuse("invalid_scope", "the scope parameter is missing");
      }
      issued += 1;
      const claims = {
        type: "access_token",
        client_id: client.clientId,
        jti: `${issued}-${Math.floor(world.random() * 2 ** 48).toString(36)}`,
        generation: generation.get(),
        expires_at: world.now() + settings.tokenLifetimeS * 1000,
      };
      const text = `${encoded({ alg: "HS256" })}.${encoded(claims)}`;
      return json(200, {
        access_token: `${text}.${signature(text)}`,
        token_type: "bearer",
        expires_in: settings.tokenLifetimeS,
      });
    },
    clientOf(token) {
      const [head = "", body = "", given = ""] = token.split(".");
      const wanted = Buffer.from(signature(`${head}.${body}`));
      const actual = Buffer.from(given);
      if (wanted.length !== actual.length || !timingSafeEqual(wanted, actual)) return undefined;
      const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
      const isGood = claims.generation === generation.get() && Number(claims.expires_at) > world.now();
      return isGood ? String(claims.client_id) : undefined;
    },
    revoke: () => generation.set(generation.get() + 1),
    reset() {
      issued = 0;
    },
  };
}
