// GUIDs: random ones, ones derived from a name, and the well-known ones of the simulated organisation.
import { createHash } from "node:crypto";

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether the text is a GUID in the hyphenated form. */
export const isGuid = (text: string): boolean => GUID.test(text);

const format = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;

/** A new GUID from a source of random numbers. */
export function makeGuid(random: () => number): string {
  let hex = "";
  for (let part = 0; part < 4; part += 1)
    hex += Math.floor(random() * 4_294_967_296)
      .toString(16)
      .padStart(8, "0");
  return format(`${hex.slice(0, 12)}4${hex.slice(13, 16)}a${hex.slice(17)}`);
}

/** The GUID that belongs to a name: always the same one. */
export const toGuid = (name: string): string => {
  const hex = createHash("sha256").update(name).digest("hex");
  return format(`${hex.slice(0, 12)}5${hex.slice(13, 16)}a${hex.slice(17, 32)}`);
};

/** Ids of what every simulated organisation has. A copied organisation gets another organisation id. */
export const WELL_KNOWN = {
  tenant: "70000000-0000-4000-a000-000000000001",
  organization: "10000000-0000-4000-a000-000000000001",
  businessUnit: "20000000-0000-4000-a000-000000000001",
  currency: "30000000-0000-4000-a000-000000000001",
  /** The application user of the integration, and of whoever plays the people at work in Dynamics. */
  integrationUser: "80000000-0000-4000-a000-000000000001",
  editorUser: "80000000-0000-4000-a000-000000000002",
  /** The role System Administrator, which both have. */
  administratorRole: "90000000-0000-4000-a000-000000000001",
} as const;
