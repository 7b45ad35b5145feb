// The identity provider's side: client credentials in, bearer token out. Tokens carry what they say, so they outlive a restart.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { SimRequest, SimResponse } from "../../sim/types.js";
import type { App } from "../options.js";

const SIGNING_KEY = "dataverse-simulator";

/** What a token says. Times in seconds. */
export interface TokenClaims {
  aud: string;
  appid: string;
  tid: string;
  iat: number;
  exp: number;
  jti: string;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const sign = (text: string): string => createHmac("sha256", SIGNING_KEY).update(text).digest("base64url");

/** A token in the usual three parts. */
export function makeToken(claims: TokenClaims): string {
  const text = `${encode({ typ: "JWT", alg: "HS256" })}.${encode(claims)}`;
  return `${text}.${sign(text)}`;
}

const known = new Map<string, TokenClaims>();

/** The claims of a token of ours; undefined for anything else. Does not look at times. */
export function readToken(token: string): TokenClaims | undefined {
  const seen = known.get(token);
  if (seen) return seen;
  const [header = "", payload = "", signature = ""] = token.split(".");
  const expected = Buffer.from(sign(`${header}.${payload}`));
  const given = Buffer.from(signature);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as TokenClaims;
  if (known.size > 100) known.clear();
  known.set(token, claims);
  return claims;
}

/** What the token endpoint needs to know. */
export interface TokenIssuer {
  apps: readonly App[];
  /** Secrets of an app that are valid now. */
  secretsOf(app: App): readonly string[];
  lifetimeSeconds: number;
  nowMs: number;
  makeId(): string;
}

const json = (status: number, value: unknown): SimResponse => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store, no-cache" },
  body: JSON.stringify(value),
});

const refuse = (status: number, error: string, number: number, text: string): SimResponse =>
  json(status, { error, error_description: `AADSTS${number}: ${text}`, error_codes: [number] });

/** Whether the path is that of a token endpoint; the tenant if so. */
export const tenantOfTokenPath = (path: string): string | undefined =>
  /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(path)?.[1];

/** Answers `POST /<tenant>/oauth2/v2.0/token`; facts/dataverse.md §12. Error statuses and codes there are unconfirmed. */
export function answerToken(request: SimRequest, tenant: string, issuer: TokenIssuer): SimResponse {
  if (request.method !== "POST")
    return refuse(405, "invalid_request", 900144, "The endpoint only accepts POST requests.");
  const form = new URLSearchParams(request.body);
  if (form.get("grant_type") !== "client_credentials") {
    return refuse(
      400,
      "unsupported_grant_type",
      70003,
      `The app requested an unsupported grant type '${form.get("grant_type")}'.`,
    );
  }
  const audience = /^(https?:\/\/[^/]+)\/+\.default$/.exec(form.get("scope") ?? "")?.[1];
  if (!audience) {
    return refuse(400, "invalid_scope", 1002012, `The provided value for scope ${form.get("scope")} is not valid.`);
  }
  if (form.has("client_assertion")) {
    return refuse(
      501,
      "not_imitated",
      0,
      "The Dataverse simulator does not imitate client assertions; use client_secret.",
    );
  }
  const app = issuer.apps.find(({ clientId }) => clientId === form.get("client_id"));
  if (!app) {
    return refuse(
      401,
      "invalid_client",
      700016,
      `Application with identifier '${form.get("client_id")}' was not found.`,
    );
  }
  if (!issuer.secretsOf(app).includes(form.get("client_secret") ?? "")) {
    return refuse(401, "invalid_client", 7000215, "Invalid client secret provided.");
  }
  const iat = issuer.nowMs / 1000;
  const exp = iat + issuer.lifetimeSeconds;
  const claims: TokenClaims = { aud: audience, appid: app.clientId, tid: tenant, iat, exp, jti: issuer.makeId() };
  return json(200, {
    token_type: "Bearer",
    expires_in: issuer.lifetimeSeconds,
    ext_expires_in: issuer.lifetimeSeconds,
    access_token: makeToken(claims),
  });
}
