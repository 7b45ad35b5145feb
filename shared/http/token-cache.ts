// Access tokens: asked for once for all callers, renewed early, thrown away when the peer rejects them.

import type { Clock } from "../model/clock.js";
import type { HttpResponse } from "./client.js";

/** A token and when it ends (epoch ms). */
export interface AccessToken {
  value: string;
  expiresAt: number;
}

/** Where adapters get their bearer token from. */
export interface TokenSource {
  token(): Promise<string>;
  /** Says that the peer did not accept `token`: the next `token()` asks for a fresh one. */
  reject(token: string): void;
}

const shareOfLifeToUse = 0.9;
const marginMs = 5 * 60_000;

/**
 * Keeps one token until five minutes before its end (or 90 % of a shorter life). Callers at the same moment share one request;
 * a failed request is not remembered.
 */
export function makeTokenCache(fetchToken: () => Promise<AccessToken>, clock: Clock): TokenSource {
  let current: { value: string; renewAt: number } | undefined;
  let asking: Promise<string> | undefined;

  const ask = async (): Promise<string> => {
    const asked = clock.now();
    const { value, expiresAt } = await fetchToken();
    const life = expiresAt - asked;
    current = { value, renewAt: asked + Math.max(life - marginMs, life * shareOfLifeToUse) };
    return value;
  };

  return {
    async token() {
      if (current && clock.now() < current.renewAt) return current.value;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    reject(token) {
      if (current?.value === token) current = undefined;
    },
  };
}

/** Sends with a token, and once more with a fresh one when the peer answers 401. */
export async function sendAuthorized(
  tokens: TokenSource,
  send: (token: string) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const token = await tokens.token();
  const response = await send(token);
  if (response.status !== 401) return response;
  tokens.reject(token);
  return send(await tokens.token());
}
