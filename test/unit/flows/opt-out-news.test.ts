import { describe, expect, it } from "vitest";
import { contactOf, isNews, newsIdOf, optOutEnvelope } from "../../../shared/flows/opt-out-news.js";
import type { MovedProfile } from "../../../shared/flows/optout-source.js";
import { messageIdOf, parseEnvelope } from "../../../shared/model/envelope.js";
import type { CampaignOptOut, RememberedOptOut } from "../../../shared/optout/attributes.js";
import { aMappingDocument, compiled } from "../../support/mappings.js";
import { recordId } from "../../support/samples.js";

const mapping = compiled(
  aMappingDocument(undefined, {
    columns: { contactid: "id", lastname: "string", donotemail: "boolean" },
    optOuts: { direction: "both", attributes: { email: "donotemail" } },
  }),
);
const moved = "2026-03-01T10:00:00.000Z";
const profile = (email: CampaignOptOut): MovedProfile => ({
  key: recordId(1),
  movedAt: moved,
  optOuts: new Map([
    ["email", email],
    ["fax", { value: true, at: 99 }],
  ]),
});

describe("isNews", () => {
  const out: RememberedOptOut = { dynamics: true, campaign: true, campaignAt: 5 };
  const apart: RememberedOptOut = { dynamics: true, campaign: false, campaignAt: 5 };

  it.each<[string, CampaignOptOut, RememberedOptOut | undefined, boolean]>([
    ["an opt-out of which nothing is remembered", { value: true, at: 5 }, undefined, true],
    ["one without a time", { value: true }, undefined, true],
    ["an opt-in of which nothing is remembered", { value: false, at: 5 }, undefined, true],
    ["an attribute that never changed", { value: false }, undefined, false],
    ["one that never changed, the other side being known", { value: false }, { dynamics: false }, false],
    ["what is remembered, with its time", { value: true, at: 5 }, out, false],
    ["what both sides agreed on, with a later time", { value: true, at: 9 }, out, false],
    ["another value than the remembered one", { value: false, at: 9 }, out, true],
    ["another value with the same time", { value: false, at: 5 }, out, true],
    ["what is remembered where the sides differ", { value: false, at: 5 }, apart, false],
    ["the same with a later time where the sides differ", { value: false, at: 9 }, apart, true],
  ])("of %s", (_what, shown, remembered, expected) => {
    const attributes = remembered ? { attributes: { email: remembered } } : undefined;

    expect(isNews(profile(shown), mapping, attributes)).toBe(expected);
  });

  it("is true while something was about to be written, and where nobody knows what the profile shows", () => {
    const known = { attributes: { email: out } };

    expect(isNews(profile({ value: true, at: 5 }), mapping, { ...known, open: true })).toBe(true);
    expect(isNews({ key: recordId(1), movedAt: moved }, mapping, known)).toBe(true);
  });
});

describe("optOutEnvelope", () => {
  const at = (run: string, shown = profile({ value: true, at: 5 })) =>
    optOutEnvelope(mapping, recordId(1), shown, { run, settings: 3 });

  it("is a message that the writer can read", () => {
    expect(parseEnvelope(JSON.parse(JSON.stringify(at("1"))))).toMatchObject({
      table: "contact",
      id: recordId(1),
      kind: "optout",
      cause: "optout",
      occurredAt: moved,
      settings: 3,
    });
  });

  it("has the same message id for the same news of one run, and another for other news or in another run", () => {
    const id = messageIdOf(at("1"));

    expect(messageIdOf(at("1"))).toBe(id);
    expect(messageIdOf(at("2"))).not.toBe(id);
    expect(messageIdOf(at("1", profile({ value: false, at: 5 })))).not.toBe(id);
    expect(newsIdOf(profile({ value: true, at: 6 }))).not.toBe(newsIdOf(profile({ value: true, at: 5 })));
  });
});

describe("contactOf", () => {
  it("is the key where that is an id, in any spelling, and nothing where it is none", () => {
    expect(contactOf({ key: `{${recordId(1).toUpperCase()}}`, movedAt: moved })).toBe(recordId(1));
    expect(contactOf({ key: "shop-7", movedAt: moved })).toBeUndefined();
  });
});
