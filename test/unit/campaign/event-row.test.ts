import { describe, expect, it } from "vitest";
import {
  defaultEventFields,
  type EventRowSettings,
  readEventRow,
  type StagedRow,
  toInstant,
} from "../../../shared/campaign/event-row.js";

const settings: EventRowSettings = { fields: defaultEventFields, changed: "lastModified", zoneless: false };

function aRow(changes: Record<string, unknown> = {}): StagedRow {
  return {
    eventId: "T-7",
    eventType: "click",
    eventDate: "2026-03-01 10:00:00.250Z",
    externalId: "c-1",
    campaignName: "CP1",
    deliveryName: "DM190",
    url: "https://www.example.com/offer",
    mirrorPageUrl: "https://mirror.example.com/7",
    failureType: "",
    lastModified: "2026-03-01 10:10:00.000Z",
    ...changes,
  };
}
const reasonOf = (row: StagedRow, given = settings): string => {
  const read = readEventRow(given, row);
  return "skipped" in read ? read.skipped.reason : read.event.type;
};

describe("readEventRow", () => {
  it("reads an event with instants in one spelling", () => {
    expect(readEventRow(settings, aRow())).toEqual({
      event: {
        id: "T-7",
        type: "click",
        at: "2026-03-01T10:00:00.250Z",
        contactKey: "c-1",
        campaignName: "CP1",
        deliveryName: "DM190",
        url: "https://www.example.com/offer",
        mirrorPageUrl: "https://mirror.example.com/7",
        changedAt: "2026-03-01T10:10:00.000Z",
      },
    });
  });

  it.each([
    ["a send", { eventType: "send" }, "send"],
    ["a type in other letters", { eventType: " Open " }, "open"],
    ["a hard bounce by name", { eventType: "bounce", failureType: "hard" }, "bounce"],
    ["a hard bounce by label", { eventType: "bounce", failureType: "Hard" }, "bounce"],
    ["a hard bounce by number", { eventType: "bounce", failureType: 2 }, "bounce"],
    ["a soft bounce", { eventType: "bounce", failureType: "soft" }, "soft-bounce"],
    ["a bounce of number 1", { eventType: "bounce", failureType: "1" }, "soft-bounce"],
    ["a bounce of which Campaign does not say how hard", { eventType: "bounce", failureType: "" }, "soft-bounce"],
    ["a type nobody asked for", { eventType: "mirror" }, "other-type"],
    ["a name that every object has", { eventType: "constructor" }, "other-type"],
    ["no key", { externalId: "" }, "no-key"],
    ["a key of blanks", { externalId: "  " }, "no-key"],
    ["no key of a type nobody asked for", { eventType: "mirror", externalId: "" }, "other-type"],
    ["no id", { eventId: "" }, "malformed"],
    ["an id that is an object", { eventId: { PKey: "@a" } }, "malformed"],
    ["no type", { eventType: null }, "malformed"],
    ["no date", { eventDate: "" }, "malformed"],
    ["a date that is none", { eventDate: "2026-02-30 10:00:00.000Z" }, "malformed"],
    ["no change time", { lastModified: "" }, "malformed"],
    ["a time without zone", { lastModified: "2026-03-01 10:10:00" }, "malformed"],
  ])("takes %s for what it is", (_what, changes, outcome) => {
    expect(reasonOf(aRow(changes))).toBe(outcome);
  });

  it("takes every bounce as hard where no column says how hard, since only hard ones are staged then", () => {
    const withoutColumn = { ...settings, fields: { ...defaultEventFields, failureType: "" } };

    expect(reasonOf(aRow({ eventType: "bounce", failureType: "soft" }), withoutColumn)).toBe("bounce");
  });

  it("keeps the URL of clicks only", () => {
    expect(readEventRow(settings, aRow({ eventType: "open" }))).toMatchObject({ event: { url: "" } });
  });

  it("reads a column inside an item, and finds nothing inside a text", () => {
    const nested = { ...settings, fields: { ...defaultEventFields, contactKey: "profile.externalId" } };

    expect(readEventRow(nested, aRow({ profile: { externalId: "c-9" } }))).toMatchObject({
      event: { contactKey: "c-9" },
    });
    expect(reasonOf(aRow({ profile: "c-9" }), nested)).toBe("no-key");
  });

  it("says when a skipped row changed, so that reading gets past it", () => {
    expect(readEventRow(settings, aRow({ externalId: "" }))).toEqual({
      skipped: { reason: "no-key", key: "T-7", changedAt: "2026-03-01T10:10:00.000Z" },
    });
  });

  it.each([{}, { eventId: [], eventDate: {}, lastModified: 5 }, Object.create(null)])(
    "calls a row malformed that is nothing like one: %j",
    (row) => {
      expect(reasonOf(row)).toBe("malformed");
    },
  );
});

describe("toInstant", () => {
  it.each([
    "2026-03-01 10:10:00.000Z",
    "2026-03-01T10:10:00.000Z",
    "2026-03-01 10:10:00Z",
    "2026-03-01T10:10Z",
    "2026-03-01 11:10:00+01:00",
    "2026-03-01  10:10:00Z",
  ])("reads %s", (text) => {
    expect(toInstant(text, false)).toBe("2026-03-01T10:10:00.000Z");
  });

  it("reads a time without zone as UTC where that is allowed", () => {
    expect(toInstant("2026-03-01 10:10:00", true)).toBe("2026-03-01T10:10:00.000Z");
    expect(toInstant("2026-03-01 10:10:00.5", true)).toBe("2026-03-01T10:10:00.500Z");
  });

  it.each(["", "2026-03-01", "01/03/2026 10:10:00", "2026-03-01 25:10:00Z", "0", "2026-13-01T10:10:00Z"])(
    "reads nothing out of %j",
    (text) => {
      expect(toInstant(text, true)).toBeUndefined();
    },
  );
});
