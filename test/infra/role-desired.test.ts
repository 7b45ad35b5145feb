import { describe, expect, it } from "vitest";
import { privilegesFor } from "../../infra/dataverse/role-desired.js";
import { aField, aMappingDocument, validated } from "../support/mappings.js";
import { egressOf } from "../support/provisioned-world.js";

const metadata = ["prvReadAttribute", "prvReadEntity", "prvReadOptionSet"];

function optingOut(direction: string, evidence = "record") {
  return validated(
    aMappingDocument(undefined, {
      columns: { contactid: "id", lastname: "string", donotbulkemail: "boolean" },
      optOuts: { direction, attributes: { email: "donotbulkemail" }, evidence },
    }),
  );
}

function tableNamed(name: string) {
  return validated(
    aMappingDocument([aField({ source: { column: "acme_name" }, target: "name" })], {
      table: { name, set: `${name}s`, id: `${name}id` },
      resource: { api: "profileAndServicesExt", name: "cusThing" },
      columns: { [`${name}id`]: "id", acme_name: "string" },
    }),
  );
}

function namesOf(...[mappings, settings]: Parameters<typeof privilegesFor>): string[] {
  return privilegesFor(mappings, settings)
    .map(({ name }) => name)
    .filter((name) => !metadata.includes(name));
}

describe("privilegesFor", () => {
  it("is read on each mapped table, of the whole organization, and no more, when nothing else is on", () => {
    const privileges = privilegesFor([validated(aMappingDocument()), tableNamed("acme_dealer")], egressOf());

    expect(privileges.map(({ name, depth }) => `${name} ${depth}`)).toEqual([
      "prvReadAttribute Global",
      "prvReadContact Global",
      "prvReadEntity Global",
      "prvReadOptionSet Global",
      "prvReadacme_dealer Global",
    ]);
    expect(privileges.filter(({ unconfirmed }) => unconfirmed).map(({ name }) => name)).toEqual(metadata);
  });

  it.each([
    ["disabled", []],
    ["toCampaign", []],
    ["toDynamics", ["prvWriteContact"]],
    ["both", ["prvWriteContact"]],
  ])("writes contacts only where opt-outs go to Dynamics: %s", (direction, more) => {
    expect(namesOf([optingOut(direction)], egressOf())).toEqual(["prvReadContact", ...more]);
  });

  it("reads the audit history only where it is the evidence", () => {
    expect(namesOf([optingOut("toCampaign", "audit")], egressOf())).toEqual([
      "prvReadAuditPartitions",
      "prvReadAuditSummary",
      "prvReadContact",
      "prvReadRecordAuditHistory",
    ]);
  });

  it("writes activities of its own only where events are on, and looks at everybody's", () => {
    const privileges = privilegesFor([tableNamed("acme_dealer")], egressOf(["send", "bounce"]));
    const activity = privileges.filter(({ name }) => name.endsWith("Activity"));

    expect(activity.map(({ name, depth }) => `${name} ${depth}`)).toEqual([
      "prvAppendActivity Basic",
      "prvCreateActivity Basic",
      "prvReadActivity Global",
      "prvWriteActivity Basic",
    ]);
    expect(activity[0]?.tables).toEqual(["acs_emailsend", "acs_emailbounce"]);
    expect(privileges.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["prvReadContact", "prvAppendToContact"]),
    );
  });

  it("makes tasks only for types that are on", () => {
    const tablesOf = (tasks: Parameters<typeof egressOf>[1]) =>
      privilegesFor([], egressOf(["send"], tasks)).find(({ name }) => name === "prvCreateActivity")?.tables;

    expect([tablesOf(["click"]), tablesOf(["send"])]).toEqual([["acs_emailsend"], ["acs_emailsend", "task"]]);
  });

  it("reads the targets of lookups whose names are mapped, and of no others, and says that nobody confirms the need", () => {
    const columns = {
      ...{ contactid: "id", lastname: "string" },
      parentcustomerid: { type: "lookup", targets: ["account", "contact"] },
      ownerid: { type: "lookup", targets: ["systemuser", "team"] },
    };
    const field = (as?: string) => aField({ source: { column: "ownerid", ...(as && { as }) }, target: "cusOwner" });
    const named = privilegesFor([validated(aMappingDocument([aField(), field("name")], { columns }))], egressOf());
    const byId = privilegesFor([validated(aMappingDocument([aField(), field()], { columns }))], egressOf());

    expect(named.filter(({ name }) => /User|Team|Account/.test(name))).toMatchObject([
      { name: "prvReadTeam", unconfirmed: true },
      { name: "prvReadUser", unconfirmed: true },
    ]);
    expect(byId.map(({ name }) => name).filter((name) => !metadata.includes(name))).toEqual(["prvReadContact"]);
  });

  it("is confirmed where one of several reasons is", () => {
    const columns = { contactid: "id", lastname: "string", parentcontactid: { type: "lookup", targets: ["contact"] } };
    const field = aField({ source: { column: "parentcontactid", as: "name" }, target: "cusParent" });

    const [contact] = privilegesFor([validated(aMappingDocument([field], { columns }))], egressOf()).filter(
      ({ name }) => name === "prvReadContact",
    );

    expect(contact).not.toHaveProperty("unconfirmed");
    expect(contact?.reason).toContain("; the name of contact.parentcontactid is mapped");
  });
});
