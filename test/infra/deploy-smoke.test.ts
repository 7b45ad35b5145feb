// The smoke test's own decisions, with both systems in memory. The whole of it against the local runtime: test/system/smoke.test.ts.

import { describe, expect, it } from "vitest";
import { type SmokePorts, smoke } from "../../infra/deploy/smoke.js";
import { MissingError, UnavailableError } from "../../shared/errors.js";
import type { RecordId } from "../../shared/model/ids.js";
import { aField, aMappingDocument, compiled } from "../support/mappings.js";
import { recordId } from "../support/samples.js";

type Contact = Record<string, unknown>;

interface World {
  ports: SmokePorts;
  contacts: Map<string, Contact>;
  profiles: Set<string>;
  said: string[];
  removedFromCampaign: string[];
}

/** Both systems and an app between them that follows `looks` looks at Campaign later. */
function world(document: Record<string, unknown> = aMappingDocument(), looks = 2): World {
  const mapping = compiled(document);
  const contacts = new Map<string, Contact>();
  const profiles = new Set<string>();
  const said: string[] = [];
  const removedFromCampaign: string[] = [];
  let asked = 0;
  let optOutLooks = 0;
  const follow = (): void => {
    asked += 1;
    if (asked % looks !== 0) return;
    for (const id of contacts.keys()) profiles.add(id);
    for (const id of profiles) if (mapping.applyDeletes && !contacts.has(id)) profiles.delete(id);
  };
  const idIn = (path: string): string => /\((.+)\)/.exec(path)?.[1] ?? "";
  const ports: SmokePorts = {
    client: {
      root: new URL("https://contoso.crm4.dynamics.com/"),
      async call({ method, path, body }) {
        const id = idIn(String(path));
        if (method === "POST") contacts.set(String((body as Contact).contactid), body as Contact);
        else if (!contacts.delete(id)) throw new MissingError(`no contact ${id}`);
        return { status: 204, headers: {}, text: "", elapsedMs: 0, attempts: 1 } as never;
      },
      json: async () => ({ value: [...contacts.values()] }),
    },
    dynamics: {
      fetchRow: async (_mapping, id) => ({ id, row: contacts.get(id) ?? {}, version: "1" }) as never,
    },
    campaign: {
      async fetch(_mapping, key) {
        follow();
        return profiles.has(key) ? {} : undefined;
      },
      readPage: () => Promise.reject(new Error("not asked for")),
      async remove(_mapping, key) {
        removedFromCampaign.push(key);
        if (!profiles.delete(key)) throw new MissingError("no profile");
        return { mayEcho: false };
      },
    },
    optOuts: {
      async read(_mapping, key) {
        follow();
        if (!profiles.has(key)) return undefined;
        optOutLooks += 1;
        return new Map([
          ["email", { value: true }],
          ["phone", { value: optOutLooks > 2 }],
        ] as const);
      },
    },
    mapping,
    patience: { withinMs: 5_000, everyMs: 1 },
    callMs: 1_000,
    newId: () => recordId(1),
    say: (line) => said.push(line),
    isOver: () => false,
  };
  return { ports, contacts, profiles, said, removedFromCampaign };
}

const withOptOuts = aMappingDocument([aField()], {
  columns: { contactid: "id", lastname: "string", donotemail: "boolean", acme_donotcall: "boolean" },
  optOuts: { direction: "both", attributes: { email: "donotemail", phone: "acme_donotcall" } },
});

describe("the smoke test", () => {
  it("ends with no canary in either system, and says when it came and went", async () => {
    const { ports, contacts, profiles } = world();

    const report = await smoke(ports);

    expect(report).toMatchObject({ id: recordId(1), leftOver: 0 });
    expect(report.profileAfterMs).toBeGreaterThanOrEqual(0);
    expect([contacts.size, profiles.size]).toEqual([0, 0]);
  });

  it("takes nobody for an old canary whose address does not hold the row's own id", async () => {
    const { ports, contacts } = world();
    const others = [
      { contactid: recordId(7), lastname: "ACS-SYNC-CANARY", emailaddress1: "somebody@example.com" },
      { contactid: recordId(8), emailaddress1: `acs-sync-canary-${recordId(7)}@example.com` },
      { contactid: recordId(9), emailaddress1: null },
    ];
    for (const contact of others) contacts.set(contact.contactid, contact);

    const { leftOver } = await smoke(ports);

    expect(leftOver).toBe(0);
    expect([...contacts.values()]).toEqual(others);
  });

  it("waits for the opt-outs that the mapping sends, which come after the profile, and sets their columns too", async () => {
    const { ports, contacts, said } = world(withOptOuts);
    let canary: Contact | undefined;

    await smoke({
      ...ports,
      say(line) {
        canary ??= contacts.get(recordId(1));
        ports.say(line);
      },
    });

    expect(canary).toMatchObject({ donotemail: true, donotbulkemail: true, acme_donotcall: true });
    expect(said.at(-1)).toContain("gone");
  });

  it("names the opt-outs that a profile lacks", async () => {
    const { ports } = world(withOptOuts);
    const held = new Map([["email", { value: false }]] as const);

    const attempt = smoke({ ...ports, patience: { withinMs: 10, everyMs: 1 }, optOuts: { read: async () => held } });

    await expect(attempt).rejects.toThrow("a profile that is not opted out of email, phone in Campaign");
  });

  it("says that filters keep the canary out, instead of waiting for it in vain, and removes it", async () => {
    const filters = { join: "and", conditions: [{ column: "firstname", comparison: "equals", value: "Nobody" }] };
    const { ports, contacts } = world(aMappingDocument([aField()], { filters }));

    const attempt = smoke(ports);

    await expect(attempt).rejects.toThrow(/filters keep the canary out/);
    expect(contacts.size).toBe(0);
  });

  it("deletes the profile itself where the mapping keeps profiles of deleted contacts", async () => {
    const { ports, profiles, removedFromCampaign } = world(aMappingDocument([aField()], { applyDeletes: false }), 1);

    await smoke(ports);

    expect(removedFromCampaign).toEqual([recordId(1)]);
    expect(profiles.size).toBe(0);
  });

  it("removes a canary whose creation got no answer though it was carried out", async () => {
    const { ports, contacts } = world();
    const { client } = ports;
    const call: typeof client.call = async (asked) => {
      const answer = await client.call(asked);
      if (asked.method === "POST") throw new UnavailableError("the line went dead", true);
      return answer;
    };

    const attempt = smoke({ ...ports, client: { ...client, call } });

    await expect(attempt).rejects.toThrow("the line went dead");
    expect(contacts.size).toBe(0);
  });

  it("says which canary stays when it cannot be removed, keeps the first reason, and the next run removes it", async () => {
    const { ports, contacts, said } = world();
    const { client } = ports;
    const call: typeof client.call = async (asked) => {
      if (asked.method === "DELETE") throw new UnavailableError("Dynamics is away", false);
      return client.call(asked);
    };
    const attempt = smoke({ ...ports, client: { ...client, call }, isOver: () => true });
    await expect(attempt).rejects.toThrow(/^stopped/);
    expect(said.at(-1)).toBe(
      `canary ${recordId(1)} is still in Dynamics, and the next run removes it: Dynamics is away`,
    );

    const { leftOver } = await smoke({ ...ports, newId: () => recordId(2) as RecordId });

    expect(leftOver).toBe(1);
    expect(contacts.size).toBe(0);
  });
});
