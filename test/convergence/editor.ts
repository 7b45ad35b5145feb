import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { SimCore } from "../../infra/local/sim/types.js";
import { ask, dynamicsLogin, hosts } from "./registration.js";

/** People in Dynamics: one request of the Web API, past every fault. Throws when it is refused. */
export type Edit = (method: string, path: string, body?: Readonly<Record<string, unknown>>) => Promise<void>;

const signedInMs = 30 * 60_000;

/** Signs people in, again when it is time to. */
export function makeEditor(dynamics: Pick<SimCore, "handle">, now: () => number): Edit {
  let token: string | undefined;
  let tokenUntil = 0;
  const signIn = async (): Promise<string> => {
    if (token !== undefined && now() < tokenUntil) return token;
    const login = dynamicsLogin("editor");
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: LOCAL_APPS.editor.clientId,
      client_secret: LOCAL_APPS.editor.clientSecret,
      scope: login.scope,
    });
    const answer = await ask(dynamics, {
      method: "POST",
      url: login.url,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: body.toString(),
    });
    token = String((JSON.parse(answer.body) as { access_token: unknown }).access_token);
    tokenUntil = now() + signedInMs;
    return token;
  };
  return async (method, path, body) => {
    const answer = await ask(dynamics, {
      method,
      url: new URL(`https://${hosts.dynamics}/api/data/v9.2/${path}`),
      headers: {
        authorization: `Bearer ${await signIn()}`,
        "content-type": "application/json",
        accept: "application/json",
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  };
}

/** Merges contact `loser` into `winner`, which takes over `content`. */
export async function mergeContacts(
  edit: Edit,
  winner: string,
  loser: string,
  content: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const type = "Microsoft.Dynamics.CRM.contact";
  await edit("POST", "Merge", {
    Target: { "@odata.type": type, contactid: winner },
    Subordinate: { "@odata.type": type, contactid: loser },
    UpdateContent: { "@odata.type": type, ...content },
    PerformParentingChecks: false,
  });
}
