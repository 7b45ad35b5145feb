// The other built-in resources: services, subscriptions, organizational units (facts/campaign.md §7.3).

import type { ResourceDefinition } from "./definition.js";
import { enumeration, flag, instant, named, text } from "./fields.js";

/** `service`: identified by its name, which the API accepts as a raw key. */
export const serviceResource: ResourceDefinition = {
  name: "service",
  label: "Services",
  singular: "Service",
  help: "Services",
  schema: "nms:service",
  auditFields: true,
  title: ["label", "name"],
  fields: [
    flag("builtIn", "Built-in", { readOnly: true }),
    text("desc", "Description", 512),
    { name: "end", label: "End", type: "date", sortable: true },
    flag("isExternal", "Is external resource", { readOnly: true }),
    flag("isTemplate", "Template"),
    text("label", "Label", 128),
    flag("limitedDuration", "Limited duration"),
    instant("mainDate", "Date", { readOnly: true }),
    enumeration("messageType", "Channel", "nms:service:messageType", named("email", "sms")),
    enumeration("mode", "Type", "nms:service:mode", named("newsletter", "viral")),
    text("name", "ID", 64),
    text("publicLabel", "Public label", 128),
    { name: "start", label: "Start", type: "date", sortable: true },
    text("targetResource", "Target resource", 64, { initial: "profile", readOnly: true }),
    text("title", "Service", 255, { readOnly: true, computed: true, sortable: false }),
    { name: "validityDuration", label: "Validity", type: "long" },
  ],
  keys: [{ fields: ["name"] }],
  filters: [
    {
      name: "byChannel",
      label: "By channel",
      builtIn: true,
      rules: [{ fields: ["messageType"], operator: "equal", parameter: "channel" }],
    },
    {
      name: "byText",
      label: "By label or ID",
      builtIn: true,
      rules: [{ fields: ["label", "name"], operator: "prefix", parameter: "text" }],
    },
    {
      name: "byTargetResource",
      label: "By target resource",
      builtIn: true,
      rules: [{ fields: ["targetResource"], operator: "equal", parameter: "resource" }],
    },
  ],
};

/** A subscription: reachable only through the `subscriptions` collection of a profile or a service. */
export const subscriptionResource: ResourceDefinition = {
  name: "subscriptionRcp",
  label: "Subscriptions",
  singular: "Subscription",
  help: "Subscriptions to services",
  schema: "nms:subscription",
  hidden: true,
  auditFields: true,
  fields: [
    text("email", "Email", 128, { readOnly: true, computed: true, sortable: false }),
    instant("expirationDate", "Expiration date"),
    {
      name: "service",
      label: "Service",
      type: "link",
      target: "service",
      cardinality: "1",
      mandatory: true,
      reverse: "subscriptions",
    },
    text("serviceName", "Service name", 64, { readOnly: true, computed: true, sortable: false }),
    {
      name: "subscriber",
      label: "Subscriber",
      type: "link",
      target: "profile",
      cardinality: "1",
      mandatory: true,
      reverse: "subscriptions",
    },
  ],
  keys: [],
  filters: [],
};

/** `orgUnitBase`, read through `profile.orgUnit`; identified by its name. */
export const orgUnitResource: ResourceDefinition = {
  name: "orgUnitBase",
  label: "Organizational units",
  singular: "Organizational unit",
  help: "Organizational units",
  schema: "xtk:orgUnit",
  title: ["label", "name"],
  fields: [text("label", "Label", 128), text("name", "ID", 64)],
  keys: [{ fields: ["name"] }],
  filters: [],
};
