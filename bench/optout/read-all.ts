// What one would write without this product: a script that reads every profile, page by page, and looks at its opt-outs. What it is compared with is calls.ts.

import { mapped } from "../../infra/local/opt-outs-job.js";

interface Page {
  content: Record<string, unknown>[];
  next?: { href: string };
}

/** Reads all profiles once, a thousand a page; answers how many are opted out of anything that is mapped. */
export async function readAllOptOuts(settings: Readonly<Record<string, string>>): Promise<number> {
  const token = await fetch(`${settings.CAMPAIGN_IMS_URL}/ims/token/v3`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: String(settings.CAMPAIGN_CLIENT_ID),
      client_secret: String(settings.CAMPAIGN_CLIENT_SECRET),
      scope: "openid,AdobeID,campaign_sdk",
    }),
  });
  const { access_token } = (await token.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, "x-api-key": String(settings.CAMPAIGN_CLIENT_ID) };
  const start = `${settings.CAMPAIGN_URL}/${settings.CAMPAIGN_TENANT}/campaign/profileAndServicesExt/profile`;
  let out = 0;
  for (let href: string | undefined = `${start}?_lineCount=1000`; href !== undefined; ) {
    const answer = await fetch(href, { headers });
    if (!answer.ok) throw new Error(`${href} answered ${answer.status}`);
    const page = (await answer.json()) as Page;
    out += page.content.filter((profile) => Object.values(mapped).some(({ field }) => profile[field] === true)).length;
    href = page.next?.href;
  }
  return out;
}
