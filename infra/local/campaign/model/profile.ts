// The built-in resource `profile` (facts/campaign.md §7). What is computed from a profile is in wire/computed.ts.

import type { FieldDefinition, ResourceDefinition } from "./definition.js";
import { enumeration, flag, instant, named, text } from "./fields.js";
import { timeZoneNames } from "./time-zones.js";

const readOnly = { readOnly: true } as const;
const computed = { readOnly: true, computed: true, sortable: false } as const;

function optOut(prefix: string): FieldDefinition[] {
  const channels: [string, string][] = [
    ["", "No longer contact (by any channel)"],
    ["Email", "No longer contact by email"],
    ["Fax", "No longer contact by fax"],
    ["Mobile", "No longer contact by SMS"],
    ["Phone", "No longer contact by phone"],
    ["PostalMail", "No longer contact by direct mail"],
  ];
  return [
    ...channels.flatMap(([channel, label]) => [
      flag(`${prefix}${channel}`, label),
      instant(`${prefix}${channel}LastModified`, `${label}: last change`, readOnly),
    ]),
    instant(`${prefix}AllLastModified`, "No longer contact: last change", readOnly),
    // §7.1: live bodies have no change time for push.
    flag(`${prefix}Pushnotification`, "No longer contact by push notification"),
    flag("ccpaOptOut", "CCPA opt-out"),
    instant("ccpaOptOutLastModified", "CCPA opt-out: last change", readOnly),
  ];
}

const location: FieldDefinition = {
  name: "location",
  label: "Location",
  type: "item",
  fields: [
    text("address1", "Address 1", 80),
    text("address2", "Address 2", 80),
    text("address3", "Address 3", 80),
    text("address4", "Address 4", 80),
    text("city", "City", 80),
    text("countryCode", "Country code", 2),
    text("stateCode", "State code", 2),
    text("zipCode", "Zip/Postcode", 12),
  ],
};

const postalAddress: FieldDefinition = {
  name: "postalAddress",
  label: "Postal address",
  type: "item",
  readOnly: true,
  fields: [
    flag("addrDefined", "Address defined", computed),
    { name: "addrErrorCount", label: "Address errors", type: "long", ...computed },
    { name: "addrLastCheck", label: "Last check", type: "date", ...computed },
    text("addrQuality", "Address quality", 1, computed),
    ...[1, 2, 3, 4, 5, 6].map((line) => text(`line${line}`, `Line ${line}`, 255, computed)),
    text("serialized", "Postal address", 1024, computed),
  ],
};

function fields({ optOutNames, version }: InstanceSwitches): FieldDefinition[] {
  return [
    { name: "age", label: "Age", type: "long", ...computed },
    { name: "birthDate", label: "Date of birth", type: "date", sortable: true },
    ...optOut(optOutNames),
    text("cryptedId", "Encrypted ID", 255, computed),
    text("domain", "Email domain", 255, computed),
    text("email", "Email", 128, { dataPolicy: "email", category: "0150_profile" }),
    enumeration("emailFormat", "Email format", "nms:recipient:emailFormat", named("unknown", "text", "html")),
    text("externalId", "External Resource ID", 100),
    text("fax", "Fax", 32, { dataPolicy: "phone" }),
    text("firstName", "First name", 30, { dataPolicy: "smartCase" }),
    enumeration("gender", "Gender", "nms:recipient:gender", [
      { name: "unknown", label: "Unspecified", value: 0 },
      { name: "male", label: "Male", value: 1 },
      { name: "female", label: "Female", value: 2 },
    ]),
    flag("isExternal", "Is external resource", readOnly),
    text("lastName", "Last name", 50, { dataPolicy: "smartCase" }),
    location,
    text("middleName", "Middle name", 30, { dataPolicy: "smartCase" }),
    text("mobilePhone", "Mobile", 32, { dataPolicy: "phone" }),
    { name: "orgUnit", label: "Organizational unit", type: "link", target: "orgUnitBase", extension: true },
    text("phone", "Phone", 32, { dataPolicy: "phone" }),
    postalAddress,
    enumeration("preferredLanguage", "Language", "nms:recipient:language", named("none", "en", "fr", "de", "es", "it")),
    text("salutation", "Title", 20),
    text("thumbnail", "Image", 255, { initial: "/nl/img/thumbnails/defaultProfil.png" }),
    enumeration("timeZone", "Time zone", "nms:recipient:timeZone", named("none", ...timeZoneNames), {
      extension: version === "v8",
    }),
    text("title", "Profile", 255, computed),
  ];
}

/** What decides the shape of the built-in resources: names of the opt-out attributes (§7.2), and Campaign's version (§1). */
export interface InstanceSwitches {
  optOutNames: string;
  version: "standard" | "v8";
}

/** The profile resource as Adobe ships it. */
export function profileResource(switches: InstanceSwitches): ResourceDefinition {
  return {
    name: "profile",
    label: "Profiles",
    singular: "Profile",
    help: "Identified profiles",
    schema: "nms:recipient",
    fields: fields(switches),
    keys: [],
    auditFields: true,
    filters: [
      {
        name: "byText",
        label: "By name or email",
        builtIn: true,
        rules: [{ fields: ["email", "lastName"], operator: "prefix", parameter: "text" }],
        types: {
          email: { fields: ["email"], operator: "prefix", parameter: "text" },
          firstName: { fields: ["firstName"], operator: "prefix", parameter: "text" },
          lastName: { fields: ["lastName"], operator: "prefix", parameter: "text" },
        },
      },
      {
        name: "byEmail",
        label: "By email",
        builtIn: true,
        rules: [{ fields: ["email"], operator: "equal", parameter: "email" }],
      },
      {
        name: "byKeysProfile",
        label: "By key",
        builtIn: true,
        rules: [{ fields: ["email"], operator: "equal", parameter: "email" }],
      },
    ],
  };
}
