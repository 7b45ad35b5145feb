// The adobe.io gateway in front of the engine: API key, token, organization, rate (facts/campaign.md §2.3, §2.4).

import type { SimRequest, SimResponse } from "../../sim/types.js";
import type { Settings } from "../settings.js";
import { gatewayError, oops } from "../wire/errors.js";
import type { Tokens } from "./tokens.js";

/** A request that may go on to the engine; `segments` is the path behind `/<org>/campaign/`. */
export interface Admitted {
  organization: string;
  segments: string[];
}

/** The gateway with its rate window. */
export interface Gateway {
  admit(request: SimRequest, settings: Settings, now: number): Admitted | SimResponse;
  /** Requests refused for their rate since the last reset. */
  readonly breaches: number;
  reset(): void;
}

function isRestarting(settings: Settings, now: number): boolean {
  if (settings.dailyRestart === null) return false;
  const { atUtc, minutes } = settings.dailyRestart;
  const [hour = 0, minute = 0] = atUtc.split(":").map(Number);
  const sinceRestart = (now / 60_000 - (hour * 60 + minute)) % 1440;
  return sinceRestart >= 0 && sinceRestart < minutes;
}

function splitPath(path: string): string[] | undefined {
  try {
    return path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** Makes a gateway that has seen nothing. */
export function makeGateway(tokens: Tokens): Gateway {
  let windowEnds = 0;
  let inWindow = 0;
  let breaches = 0;

  function limit(settings: Settings, now: number): SimResponse | undefined {
    const rate = settings.rateLimit;
    if (rate === null) return undefined;
    if (now >= windowEnds) {
      windowEnds = now + rate.windowMs;
      inWindow = 0;
    }
    inWindow += 1;
    if (inWindow <= rate.requests) return undefined;
    breaches += 1;
    const headers = settings.retryAfter ? { "retry-after": String(Math.ceil((windowEnds - now) / 1000)) } : {};
    return gatewayError("429050", "Too many requests", headers);
  }

  function refuseCaller(request: SimRequest, settings: Settings): SimResponse | undefined {
    const apiKey = request.headers["x-api-key"];
    if (apiKey === undefined) return gatewayError("403000", "Api Key is required");
    if (!settings.clients.some((client) => client.clientId === apiKey)) {
      return gatewayError("403003", "Api Key is invalid");
    }
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const client = token === undefined ? undefined : tokens.clientOf(token);
    if (client === undefined) return gatewayError("401013", "Oauth token is not valid");
    return client === apiKey ? undefined : gatewayError("403003", "Api Key is invalid");
  }

  return {
    get breaches() {
      return breaches;
    },
    admit(request, settings, now) {
      const [organization = "", product, ...segments] = splitPath(request.path) ?? [];
      if (settings.unroutedOrganizations.includes(organization)) return oops(502);
      const isKnown = organization === settings.organization || settings.otherOrganizations.includes(organization);
      if (!isKnown || product !== "campaign") return oops(500);
      const refusal = refuseCaller(request, settings) ?? limit(settings, now);
      if (refusal !== undefined) return refusal;
      if (organization !== settings.organization) return gatewayError("403023", "Profile is not valid");
      return isRestarting(settings, now) ? oops(502) : { organization, segments };
    },
    reset() {
      windowEnds = 0;
      inWindow = 0;
      breaches = 0;
    },
  };
}
