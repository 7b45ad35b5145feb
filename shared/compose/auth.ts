// How the app signs in: tokens for Dynamics and Campaign, credentials for Azure's own services.

import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { AuthError } from "../errors.js";
import type { HttpClient } from "../http/client.js";
import { fetchToken } from "../http/oauth.js";
import { makeTokenCache, type TokenSource } from "../http/token-cache.js";
import type { Clock } from "../model/clock.js";
import type { AzureConnection, Settings } from "../settings/load.js";

/** Tokens for Campaign's API. */
export function campaignTokensOf(
  { campaign }: Pick<Settings, "campaign">,
  http: HttpClient,
  clock: Clock,
): TokenSource {
  const request = {
    system: "ims" as const,
    url: new URL("/ims/token/v3", campaign.ims),
    clientId: campaign.clientId,
    clientSecret: campaign.clientSecret,
    scope: campaign.scopes,
    settings: "CAMPAIGN_CLIENT_ID, CAMPAIGN_CLIENT_SECRET and CAMPAIGN_SCOPES",
  };
  return makeTokenCache(() => fetchToken(http, clock, request), clock);
}

/** Tokens for the Dynamics environment that the settings name. */
export function dynamicsTokensOf(
  { dynamics: { url, auth } }: Pick<Settings, "dynamics">,
  http: HttpClient,
  clock: Clock,
): TokenSource {
  if (auth.by !== "client-secret") return managedIdentityTokens(`${url.origin}/.default`, auth.clientId, clock);
  const request = {
    system: "entra" as const,
    url: new URL(`/${encodeURIComponent(auth.tenantId)}/oauth2/v2.0/token`, auth.authority),
    clientId: auth.clientId,
    clientSecret: auth.clientSecret,
    scope: `${url.origin}/.default`,
    settings: "DYNAMICS_TENANT_ID, DYNAMICS_CLIENT_ID and DYNAMICS_CLIENT_SECRET",
  };
  return makeTokenCache(() => fetchToken(http, clock, request), clock);
}

function managedIdentityTokens(scope: string, clientId: string | undefined, clock: Clock): TokenSource {
  const credential =
    clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
  return makeTokenCache(async () => {
    const token = await credential.getToken(scope).catch((error: unknown) => {
      throw new AuthError(
        "the managed identity got no token for Dynamics: is it assigned to the Function App?",
        {},
        error,
      );
    });
    return { value: token.token, expiresAt: token.expiresOnTimestamp };
  }, clock);
}

/** How Service Bus is reached. */
export function busConnection(connection: AzureConnection) {
  return connection.by === "connection-string"
    ? { connectionString: connection.value }
    : { fullyQualifiedNamespace: connection.address, credential: new DefaultAzureCredential() };
}

/** How Table Storage is reached. */
export function tablesConnection(connection: AzureConnection) {
  return connection.by === "connection-string"
    ? { connectionString: connection.value }
    : { url: connection.address, credential: new DefaultAzureCredential() };
}
