// What Campaign must hold for what Dynamics holds, written down by hand and apart from the mapping engine, for the two editions of mappings.ts.

import { type Edition, placeOf, type TableName } from "./mappings.js";

/** A row or a record, plain. */
export type Held = Readonly<Record<string, unknown>>;

/** What Dynamics holds: rows of each table by id. */
export type Rows = Readonly<Record<TableName, ReadonlyMap<string, Held>>>;

/**
 * What must be in Campaign for a row. `there`: these fields, exactly. `absent`. `either`: the mapping leaves what is there alone, at whatever it was
 * when the row was last wanted.
 */
export type Wanted = { is: "there"; fields: Held } | { is: "absent" } | { is: "either" };

/** Judges one row. `known` says which tables are mapped in this history. */
export function wantedFor(
  table: TableName,
  row: Held,
  rows: Rows,
  edition: Edition,
  tables: readonly TableName[],
): Wanted {
  switch (table) {
    case "contact":
      return contact(row, edition);
    case "acme_dealer":
      return dealer(row, edition);
    case "acme_vehicle":
      return vehicle(row, rows, edition, tables);
    case "acme_visit":
      return visit(row, rows, edition, tables);
  }
}

function contact(row: Held, edition: Edition): Wanted {
  if (row.merged === true) return { is: "absent" };
  if (edition === "second" && text(row.lastname) === "") return { is: "absent" };
  const salutation = text(row.salutation);
  return {
    is: "there",
    fields: {
      salutation: (edition === "second" ? salutation.toUpperCase() : salutation).slice(0, 20),
      firstName: text(row.firstname).slice(0, 30),
      middleName: text(row.middlename).slice(0, 30),
      lastName: text(row.lastname).slice(0, 50),
      email: text(row.emailaddress1),
      mobilePhone: text(row.mobilephone).slice(0, 32),
      phone: text(row.telephone1).slice(0, 32),
      fax: text(row.fax).slice(0, 32),
      birthDate: text(row.birthdate),
      gender: row.gendercode === 1 ? "male" : row.gendercode === 2 ? "female" : "unknown",
      "location.address1": text(row.address1_line1).slice(0, 80),
      "location.address2": text(row.address1_line2).slice(0, 80),
      "location.address3": text(row.address1_line3).slice(0, 80),
      "location.city": text(row.address1_city).slice(0, 80),
      "location.zipCode": text(row.address1_postalcode).slice(0, 12),
    },
  };
}

function isActive(row: Held): boolean {
  return (row.statecode ?? 0) === 0;
}

function dealer(row: Held, edition: Edition): Wanted {
  if (!isActive(row)) return edition === "first" ? { is: "either" } : { is: "absent" };
  return {
    is: "there",
    fields: {
      name: text(row.acme_name).trim(),
      city: text(row.acme_city)
        .split(" ")
        .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
        .join(" "),
      rating: Number(row.acme_rating ?? 0),
      tier: row.acme_premium === true ? "Premium dealer" : "Standard dealer",
    },
  };
}

function isVehicleWanted(row: Held, edition: Edition): boolean {
  return isActive(row) || Number(row.acme_price ?? 0) >= (edition === "first" ? 100_000 : 50_000);
}

const fuels = new Map<unknown, string>([
  [727000000, "Petrol"],
  [727000001, "Diesel"],
  [727000002, "Battery"],
]);
const extras = ["", "Towbar", "Sunroof", "Winter tyres"];

function vehicle(row: Held, rows: Rows, edition: Edition, tables: readonly TableName[]): Wanted {
  if (!isVehicleWanted(row, edition)) return { is: "absent" };
  const seats = row.acme_seats;
  const dealerId = text(row._acme_dealerid_value);
  const dealerRow = rows.acme_dealer.get(dealerId);
  const isLinked = tables.includes("acme_dealer") && dealerRow !== undefined;
  // In the first edition a dealer that is not wanted any more may be in Campaign still, and then stays linked.
  const isOpen = isLinked && !isActive(dealerRow) && edition === "first";
  const chosen = text(row.acme_extras)
    .split(",")
    .filter((one) => one !== "")
    .sort()
    .map((one) => extras[Number(one)])
    .join(", ");
  return {
    is: "there",
    fields: {
      vehicleName:
        text(row.acme_name) ||
        [row.acme_make, row.acme_model]
          .map(text)
          .filter((one) => one !== "")
          .join(" "),
      fuel: fuels.get(row.acme_fuel) ?? "",
      extras: chosen,
      // 400 does not fit a byte and is skipped: what was there stays.
      ...(seats !== 400 && { seats: Number(seats ?? 0) }),
      firstRegistration: text(row.acme_firstregistration),
      profileExternalId: text(row._acme_keeperid_value),
      ...(!isOpen && { dealer: isLinked && isActive(dealerRow) ? dealerId : null }),
    },
  };
}

function visit(row: Held, rows: Rows, edition: Edition, tables: readonly TableName[]): Wanted {
  const parentId = text(row._acme_vehicleid_value);
  const parent = rows.acme_vehicle.get(parentId);
  if (tables.includes("acme_vehicle") && parent && !isVehicleWanted(parent, edition)) return { is: "absent" };
  // Campaign would hide it from everybody, us included.
  if (parentId === "") return { is: "absent" };
  const kinds = new Map<unknown, string>([
    [1, "service"],
    [2, "repair"],
  ]);
  return {
    is: "there",
    fields: {
      subject: text(row.acme_subject).trim(),
      kind: row.acme_kind === undefined ? "unknown" : (kinds.get(row.acme_kind) ?? "other"),
      appointment: instant(row.acme_localtime),
      finished: instant(row.acme_finishedon),
      amount: Number(row.acme_amount ?? 0),
      vehicleExternalId: parentId,
    },
  };
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function instant(value: unknown): string {
  return value === undefined ? "" : `${text(value).slice(0, 10)} ${text(value).slice(11, 19)}.000Z`;
}

/** Fields whose words Campaign capitalises as it likes. */
const smartCase = new Set(["firstName", "lastName", "middleName"]);

/** Names of the fields that differ. `keyOf` answers the record key behind a link's PKey. */
export function differencesOf(wanted: Held, record: Held, keyOf: (pKey: string) => string | undefined): string[] {
  return Object.entries(wanted).flatMap(([field, value]) => {
    const held = valueAt(record, field);
    const is = typeof held === "object" && held !== null ? keyOf(String((held as Held).PKey)) : (held ?? null);
    const same = smartCase.has(field)
      ? text(is).toLowerCase() === text(value).toLowerCase()
      : (is ?? "") === (value ?? "");
    return same ? [] : [`${field} is ${JSON.stringify(is)}, not ${JSON.stringify(value)}`];
  });
}

function valueAt(record: Held, path: string): unknown {
  const [head = "", tail] = path.split(".");
  const value = record[head];
  if (tail === undefined) return value;
  return typeof value === "object" && value !== null ? (value as Held)[tail] : undefined;
}

/** Entity set by table, for reading rows. */
export const setOf = (table: TableName): string => placeOf[table].set;
