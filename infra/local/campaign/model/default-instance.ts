// The instance that a simulator started without --resources imitates: Adobe's resources plus what an integration needs from
// its customer (facts/campaign.md §4, §8.3).

import type { FilterDefinition, ResourceDefinition } from "./definition.js";
import { instant, text } from "./fields.js";
import type { InstanceConfiguration } from "./instance.js";

/** The staged e-mail event resource of §8.3, linked to profile by a specific join. */
export const emailEventResource: ResourceDefinition = {
  name: "cusEmailEvent",
  label: "Email events",
  singular: "Email event",
  help: "Email events",
  schema: "cus:emailEvent",
  auditFields: true,
  automaticId: true,
  fields: [
    text("eventId", "Event ID", 64),
    text("eventType", "Event type", 10),
    instant("eventDate", "Event date"),
    text("externalId", "External ID of the profile", 100),
    text("email", "Email", 128),
    text("campaignName", "Campaign ID", 64),
    text("deliveryName", "Delivery ID", 64),
    text("deliveryLabel", "Delivery label", 128),
    text("url", "URL", 1024),
    text("mirrorPageUrl", "Mirror page URL", 1024),
    text("failureType", "Failure type", 10),
    text("failureReason", "Failure reason", 40),
    instant("logLastModified", "Last change of the log"),
    {
      name: "profile",
      label: "Profile",
      type: "link",
      target: "profile",
      join: { source: "externalId", target: "externalId" },
      cardinality: "0..1",
      reverse: "cusEmailEventlink",
    },
  ],
  keys: [{ fields: ["eventId"] }],
  filters: [
    {
      name: "ModifiedSince",
      label: "Modified since",
      rules: [{ fields: ["lastModified"], operator: "greaterOrEqual", parameter: "since" }],
    },
  ],
};

/** Any opt-out of a profile changed; push, which has no time, with any change of a profile that is opted out of it (docs/campaign-setup.md, opt-outs). */
const optOutsSince: FilterDefinition = {
  name: "OptOutsSince",
  label: "Opt-outs changed since",
  rules: [
    {
      fields: ["", "Email", "Fax", "Mobile", "Phone", "PostalMail"]
        .map((channel) => `blackList${channel}LastModified`)
        .concat("ccpaOptOutLastModified"),
      flagged: [{ flag: "blackListPushnotification", field: "lastModified" }],
      operator: "greaterOrEqual",
      parameter: "since",
    },
  ],
};

/**
 * The default instance: profile extended with an identification key on `externalId` and the filters `ExternalId`, `ModifiedSince`
 * and `OptOutsSince`, and `cusEmailEvent`.
 */
export const defaultInstance: InstanceConfiguration = {
  extend: {
    profile: {
      keys: [{ fields: ["externalId"], fixed: true }],
      filters: [
        {
          name: "ExternalId",
          label: "External ID",
          rules: [{ fields: ["externalId"], operator: "equal", parameter: "externalId" }],
        },
        {
          name: "ModifiedSince",
          label: "Modified since",
          rules: [{ fields: ["lastModified"], operator: "greaterOrEqual", parameter: "since" }],
        },
        optOutsSince,
      ],
    },
  },
  resources: [emailEventResource],
};
