// Behind a corporate proxy with an authority of the company's own (docs/platforms.md): the product's clients in a process of their own.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CompanyNetwork, makeCompanyNetwork } from "../support/company-network.js";

const hosts = {
  ims: "ims-na1.adobelogin.com",
  campaign: "mc.adobe.io",
  entra: "login.microsoftonline.com",
  dynamics: "contoso.crm4.dynamics.com",
  tables: "contoso.table.core.windows.net",
};
const token = { access_token: "token-of-a-test", expires_in: 3_599 };
const answers = {
  "/ims/token/v3": token,
  "/tenant/oauth2/v2.0/token": token,
  "/acme/campaign/profile": { content: [] },
  "/api/data/v9.2/WhoAmI": { UserId: "00000000-0000-4000-a000-000000000001" },
  "/checkpoints": { PartitionKey: "a", RowKey: "b" },
};
const settings = {
  RUNTIME: "azure",
  DYNAMICS_URL: `https://${hosts.dynamics}`,
  DYNAMICS_AUTH: "client-secret",
  DYNAMICS_TENANT_ID: "tenant",
  DYNAMICS_CLIENT_ID: "client",
  DYNAMICS_CLIENT_SECRET: "planted",
  CAMPAIGN_TENANT: "acme",
  CAMPAIGN_CLIENT_ID: "client",
  CAMPAIGN_CLIENT_SECRET: "planted",
  SERVICEBUS__fullyQualifiedNamespace: "contoso.servicebus.windows.net",
  TABLES__tableServiceUri: `https://${hosts.tables}`,
  FINGERPRINT_KEY: "0123456789abcdef",
};

let network: CompanyNetwork;
beforeEach(async () => {
  network = await makeCompanyNetwork([...Object.values(hosts), "localhost"], answers);
});
afterEach(() => network.close());

/** What came of a call to each peer, with these variables in the environment. */
async function call(variables: Record<string, string>): Promise<Record<"campaign" | "dynamics" | "tables", string>> {
  const { PATH = "", SystemRoot = "" } = process.env;
  const env = { PATH, SystemRoot, ...settings, ...variables };
  const args = ["--import", "tsx", "test/support/call-peers.ts"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 });
  return JSON.parse(stdout);
}

describe("behind a proxy, with the company's authority", () => {
  it("every peer is reached through a tunnel for each host, and no address, header or body is the proxy's to see", async () => {
    const outcomes = await call({ HTTPS_PROXY: network.proxy, NODE_EXTRA_CA_CERTS: network.authority });

    expect(outcomes).toEqual({ campaign: "ok", dynamics: "ok", tables: "ok" });
    expect(new Set(network.asked)).toEqual(new Set(Object.values(hosts).map((host) => `CONNECT ${host}:443`)));
    expect(network.arrived).toContain(`${hosts.campaign} /acme/campaign/profile`);
  }, 60_000);

  it("nobody is trusted whom only the company vouches for, unless its authority is named", async () => {
    const outcomes = await call({ HTTPS_PROXY: network.proxy });

    expect(outcomes.campaign).toMatch(/^unavailable: .*NODE_EXTRA_CA_CERTS/);
    expect(outcomes.dynamics).toMatch(/^unavailable: .*NODE_EXTRA_CA_CERTS/);
    expect(outcomes.tables).not.toBe("ok");
    expect(network.arrived).toEqual([]);
  }, 60_000);

  it("hosts of NO_PROXY are called without the proxy", async () => {
    const near = { RUNTIME: "local", DYNAMICS_URL: network.outside, TABLES__tableServiceUri: network.outside };
    const proxied = { HTTPS_PROXY: network.proxy, NODE_EXTRA_CA_CERTS: network.authority, NO_PROXY: "localhost" };

    const outcomes = await call({ ...proxied, ...near });

    expect(outcomes).toEqual({ campaign: "ok", dynamics: "ok", tables: "ok" });
    expect(network.asked).toContain(`CONNECT ${hosts.campaign}:443`);
    expect(network.asked.filter((line) => line.includes("localhost"))).toEqual([]);
  }, 60_000);

  it.each([407, 403, 502])(
    "a proxy that answers %d is named as what is in the way, not taken for the peer's answer",
    async (status) => {
      network.refuseWith(status);

      const outcomes = await call({ HTTPS_PROXY: network.proxy, NODE_EXTRA_CA_CERTS: network.authority });

      expect(outcomes.campaign).toMatch(new RegExp(`^unavailable: .*proxy.*${status}`));
      expect(outcomes.dynamics).toMatch(new RegExp(`^unavailable: .*proxy.*${status}`));
      expect(network.arrived).toEqual([]);
    },
    60_000,
  );
});
