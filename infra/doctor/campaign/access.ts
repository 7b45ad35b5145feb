// May we in at all: token, gateway, APIs, rate (facts/campaign.md §1, §2).

import { AuthError, SyncError, TableError } from "../../../shared/errors.js";
import { settingDefinitions } from "../../../shared/settings/schema.js";
import { type Check, type Finding, fail, ok, orOk, warn } from "../check.js";
import { judgeSkew } from "../clock-skew.js";
import { asMappings } from "../documents.js";
import { type CampaignPorts, get } from "./ports.js";

/** Adobe's token service. */
export function signInCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "sign-in",
    asks: "does Adobe's token service (IMS) give a token for our scopes?",
    after: "settings",
    async run() {
      const { tokens, settings } = ports();
      await tokens.token();
      const asked = new Set(settings.campaign.scopes.split(/\s*,\s*/));
      const missing = settingDefinitions.CAMPAIGN_SCOPES.default.split(",").filter((scope) => !asked.has(scope));
      const fix = "Add them to CAMPAIGN_SCOPES, as the credential's page in Adobe's developer console lists them.";
      const lacking = missing.length > 0 ? [warn(`not asked for: ${missing.join(", ")}`, fix)] : [];
      return orOk(lacking, `${settings.campaign.ims.host} gives a token for client ${settings.campaign.clientId}`);
    },
  };
}

const console_ = "Adobe's developer console, the project, Adobe Campaign, OAuth Server-to-Server";

/** What the gateway's codes mean (facts/campaign.md §2.4). */
const gatewayFixes: Readonly<Record<string, string>> = {
  "401013": `The token is good for no Campaign instance: is the API Adobe Campaign added to the credential (${console_})?`,
  "403023": `The credential lacks a product profile of this instance: add the one whose title holds the tenant and Administrators (${console_}); or CAMPAIGN_TENANT names another instance.`,
  "403003": `The client id is not that of a project with the API Adobe Campaign (${console_}), or CAMPAIGN_CLIENT_ID differs from the token's.`,
  "403000": "No client id reached the gateway: set CAMPAIGN_CLIENT_ID.",
};

/** Gateway, product profile, tenant. */
export function apiAccessCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "api-access",
    asks: "does the gateway let us into this instance (API, product profile, tenant)?",
    after: "sign-in",
    async run(): Promise<readonly Finding[]> {
      const { settings } = ports();
      const { tenant, url } = settings.campaign;
      try {
        await get(ports(), "read the metadata of profile", "profileAndServices/resourceType/profile");
        return [ok(`${url.host} answers for ${tenant}`)];
      } catch (error) {
        const fix = fixOf(error, tenant);
        if (!(error instanceof SyncError) || fix === undefined) throw error;
        return [fail(error.message, fix)];
      }
    },
  };
}

function fixOf(error: unknown, tenant: string): string | undefined {
  if (error instanceof AuthError) return gatewayFixes[String(error.context.vendorCode)];
  const status = error instanceof SyncError ? error.context.status : undefined;
  // What the gateway says when it knows no such instance, or no way to it.
  if (status !== 500 && status !== 502) return undefined;
  return `Is CAMPAIGN_TENANT (${tenant}) the instance as it stands in API paths, e.g. acme-mkt-stage1? If so, Campaign may be restarting (daily at 06:00 server time): try again.`;
}

/** The APIs that the mappings and the events need. */
export function apisCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "ext-api",
    asks: "do the APIs answer that the mappings are about, above all Profiles & Services Ext?",
    after: "api-access",
    async run() {
      const { documents, settings } = ports();
      const resources = new Map(asMappings(await documents()).map(({ resource }) => [resource.api, resource.name]));
      const { from } = settings.events;
      if (settings.egress.types.size > 0 && from.by === "rest" && !resources.has(from.api))
        resources.set(from.api, from.resource);
      const findings: Finding[] = [];
      for (const [api, resource] of resources) {
        // The extended API shows the profile as soon as it is published at all.
        const asked = api === "profileAndServicesExt" ? "profile" : resource;
        const answers = await get(ports(), `read the metadata of ${asked}`, `${api}/resourceType/${asked}`).then(
          () => true,
          (error: unknown) => {
            if (error instanceof TableError) return false;
            throw error;
          },
        );
        if (!answers) findings.push(fail(`the API ${api} does not answer`, howToPublish(api)));
      }
      return orOk(findings, [...resources.keys()].join(", "));
    },
  };
}

function howToPublish(api: string): string {
  return api === "profileAndServicesExt"
    ? "Publish in Campaign with Create the Profiles & Services Ext API ticked (docs/campaign-setup.md, ingress, step 3)."
    : "Make and publish the resource; one that is linked to Profile is under profileAndServicesExt (docs/campaign-setup.md, ingress, step 4).";
}

/** What Adobe says of its rate, if it does. */
export function rateCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "rate",
    asks: "does Campaign say how many calls we may make, and is that set?",
    after: "api-access",
    async run(): Promise<readonly Finding[]> {
      const { settings } = ports();
      const response = await get(ports(), "read the metadata of profile", "profileAndServices/resourceType/profile");
      const told = Object.entries(response.headers).filter(([name]) => /rate-?limit|quota|retry-after/.test(name));
      const said = told.length > 0 ? told.map(([name, value]) => `${name}: ${value}`).join(", ") : "no word of a limit";
      const { rate } = settings.campaign;
      if (response.attempts > 1) {
        const fix =
          "Set CAMPAIGN_RATE_CALLS and CAMPAIGN_RATE_SECONDS to what the licence allows, or find out who else calls this instance.";
        return [warn(`Campaign let us wait for one call (${said})`, fix)];
      }
      const kept = rate
        ? `we keep to ${rate.calls} calls in ${rate.windowMs / 1000} s`
        : "CAMPAIGN_RATE_CALLS is not set: we slow down when Campaign answers 429";
      return [ok(`${said}; ${kept}`)];
    },
  };
}

/** See `judgeSkew`. */
export function clockCheck(ports: () => CampaignPorts): Check {
  return {
    area: "campaign",
    name: "clock",
    asks: "do this machine and Campaign agree what time it is?",
    after: "api-access",
    async run() {
      const { headers } = await get(ports(), "read the metadata of profile", "profileAndServices/resourceType/profile");
      return [judgeSkew("Campaign", headers.date, ports().clock.now())];
    },
  };
}
