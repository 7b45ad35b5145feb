// Invented dealers, vehicles and visits, the same ones for the same numbers. Contacts are ../contacts.ts.

import { createHash } from "node:crypto";
import { contactId } from "../contacts.js";
import { placeOf, type TableName } from "./mappings.js";

/** A row as the Web API takes it. */
export type Row = Record<string, string | number | boolean | null>;

/** A custom table. */
export type CustomTable = Exclude<TableName, "contact">;

/** Primary key of row `number` of a table. */
export function rowId(table: TableName, number: number): string {
  if (table === "contact") return contactId(number);
  const hex = createHash("sha256").update(`${table} ${number}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** How a row names a parent: the navigation property of the lookup, and the parent. */
export function linkTo(navigation: string, table: TableName, id: string): Row {
  return { [`${navigation}@odata.bind`]: `/${placeOf[table].set}(${id})` };
}

/** Invented dealer `number`. */
export function inventDealer(number: number): Row {
  const towns = ["springfield", "musterstadt", "sampleford"];
  return {
    acme_dealerid: rowId("acme_dealer", number),
    acme_name: ` Dealer ${number} `,
    acme_city: towns[number % towns.length] ?? null,
    acme_rating: number % 5,
    acme_premium: number % 2 === 0,
  };
}

/** Invented vehicle `number`; some lack a name, extras or a price, some have more seats than Campaign's field holds. */
export function inventVehicle(number: number, of: { contacts: number; dealers: number }): Row {
  const has = (every: number): boolean => number % every !== 0;
  return {
    acme_vehicleid: rowId("acme_vehicle", number),
    ...(has(3) && { acme_name: `Wagon ${number}` }),
    acme_make: "Roamer",
    acme_model: `R ${number % 9}`,
    acme_fuel: 727_000_000 + (number % 3),
    ...(has(4) && { acme_extras: number % 8 === 1 ? "3,1" : "2" }),
    ...(has(5) && { acme_price: 9_000 + number * 10.5 }),
    acme_seats: number % 50 === 7 ? 400 : 2 + (number % 6),
    acme_firstregistration: `20${10 + (number % 15)}-02-${10 + (number % 18)}`,
    ...(has(6) && linkTo("acme_keeperid_contact", "contact", contactId(number % of.contacts))),
    ...(has(7) && linkTo("acme_dealerid", "acme_dealer", rowId("acme_dealer", number % of.dealers))),
  };
}

/** Invented visit `number`, always of a vehicle: Campaign hides those without one. */
export function inventVisit(number: number, of: { vehicles: number }): Row {
  const has = (every: number): boolean => number % every !== 0;
  return {
    acme_visitid: rowId("acme_visit", number),
    ...(has(4) && { acme_subject: ` Check ${number}` }),
    ...(has(3) && { acme_kind: 1 + (number % 2) }),
    acme_localtime: `2026-03-${10 + (number % 20)}T02:30:00Z`,
    ...(has(5) && { acme_finishedon: `2026-03-${10 + (number % 20)}T05:${10 + (number % 50)}:00Z` }),
    acme_amount: number * 1.25,
    ...linkTo("acme_vehicleid", "acme_vehicle", rowId("acme_vehicle", number % of.vehicles)),
  };
}
