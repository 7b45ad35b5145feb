import { z } from "zod";
import { AuthError, UnavailableError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { HttpClient } from "./client.js";
import { parseJson } from "./json.js";
import type { AccessToken } from "./token-cache.js";

/** A client-credentials request; `settings` names the settings to check when it is refused. */
export interface ClientCredentials {
  system: "entra" | "ims";
  url: URL;
  clientId: string;
  clientSecret: string;
  scope: string;
  settings: string;
}

const answerSchema = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });
const timeoutMs = 15_000;

/**
 * Asks for a token by OAuth client credentials (Entra ID: facts/dataverse.md §12, Adobe IMS: facts/campaign.md §2.1).
 * Throws AuthError when the credentials are refused, UnavailableError when nobody answers. MSAL is not used for it: it accepts
 * no authority that is not https, and so no local runtime.
 */
export async function fetchToken(http: HttpClient, clock: Clock, request: ClientCredentials): Promise<AccessToken> {
  const { system, clientId } = request;
  const asked = clock.now();
  const response = await http.send({
    system,
    operation: "token request",
    method: "POST",
    url: request.url,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: request.clientSecret,
      scope: request.scope,
    }).toString(),
    timeoutMs,
    deadline: asked + 2 * timeoutMs,
  });
  if (response.status >= 500) {
    throw new UnavailableError(`${system} answered ${response.status} to a token request`, false, { system });
  }
  const answer = response.status === 200 ? answerSchema.safeParse(parseJson(response.text)) : undefined;
  if (!answer?.success) {
    const code = codeOf(response.text);
    const said = [`status ${response.status}`, ...(code === undefined ? [] : [code])].join(", ");
    throw new AuthError(`${system} refused the credentials (${said}): check ${request.settings}`, {
      system,
      status: response.status,
      code,
    });
  }
  return { value: answer.data.access_token, expiresAt: asked + answer.data.expires_in * 1000 };
}

const refusalSchema = z.object({ error: z.string(), error_description: z.string().optional() });

/** Why, in the other side's code: `AADSTS7000222` (Entra: the secret has expired) tells more than `invalid_client`. Nothing else of its text is kept. */
function codeOf(text: string): string | undefined {
  const refusal = refusalSchema.safeParse(parseJson(text)).data;
  const code = /\bAADSTS\d+\b/.exec(refusal?.error_description ?? "")?.[0] ?? refusal?.error;
  return code !== undefined && /^\w{1,60}$/.test(code) ? code : undefined;
}
