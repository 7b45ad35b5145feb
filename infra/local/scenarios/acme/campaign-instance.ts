// The Campaign instance of the histories: the default one with the custom resources that docs/examples write.

import { defaultInstance } from "../../campaign/model/default-instance.js";
import type { FieldDefinition, ResourceDefinition } from "../../campaign/model/definition.js";
import { text } from "../../campaign/model/fields.js";
import type { InstanceConfiguration } from "../../campaign/model/instance.js";

const number = (name: string, type: "double" | "byte"): FieldDefinition => ({ name, label: name, type });

function resource(name: string, label: string, fields: FieldDefinition[]): ResourceDefinition {
  return {
    name,
    label: `${label}s`,
    singular: label,
    help: `${label}s`,
    schema: `cus:${label.toLowerCase()}`,
    auditFields: true,
    fields: [text("externalId", "External ID", 100), ...fields],
    keys: [{ fields: ["externalId"] }],
    filters: [
      {
        name: "ExternalId",
        label: "External ID",
        rules: [{ fields: ["externalId"], operator: "equal", parameter: "externalId" }],
      },
    ],
  };
}

/** Vehicle: join of cardinality 0..1 to profile, link by key to dealer. Visit: join of cardinality 1 to vehicle. */
export const campaignInstance: InstanceConfiguration = {
  ...defaultInstance,
  resources: [
    ...defaultInstance.resources,
    resource("cusDealer", "Dealer", [
      text("name", "Name", 80),
      text("city", "City", 80),
      number("rating", "double"),
      text("tier", "Tier", 40),
    ]),
    resource("cusVehicle", "Vehicle", [
      text("vehicleName", "Name", 100),
      text("fuel", "Fuel", 40),
      text("extras", "Extras", 255),
      number("price", "double"),
      number("seats", "byte"),
      { name: "firstRegistration", label: "First registration", type: "date" },
      text("keeperCompany", "Company", 160),
      text("profileExternalId", "Profile", 100),
      {
        name: "profile",
        label: "Profile",
        type: "link",
        target: "profile",
        join: { source: "profileExternalId", target: "externalId" },
        cardinality: "0..1",
        reverse: "cusVehiclelink",
      },
      { name: "dealer", label: "Dealer", type: "link", target: "cusDealer", cardinality: "0..1", reverse: "vehicles" },
    ]),
    resource("cusVisit", "Visit", [
      text("subject", "Subject", 200),
      {
        name: "kind",
        label: "Kind",
        type: "enumeration",
        enumeration: "cus:visit:kind",
        values: ["unknown", "service", "repair", "other"].map((name, value) => ({ name, label: name, value })),
      },
      { name: "appointment", label: "Appointment", type: "datetime" },
      { name: "finished", label: "Finished", type: "datetime" },
      number("amount", "double"),
      text("vehicleExternalId", "Vehicle", 100),
      {
        name: "vehicle",
        label: "Vehicle",
        type: "link",
        target: "cusVehicle",
        join: { source: "vehicleExternalId", target: "externalId" },
        cardinality: "1",
        reverse: "visits",
      },
    ]),
  ],
};
