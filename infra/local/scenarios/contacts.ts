// Invented contacts, the same ones for the same numbers. Nobody in here exists; every address ends in example.com.

import { createHash } from "node:crypto";

/** A contact as the Web API takes it: column → value. */
export type Contact = Record<string, string | number | null>;

const firstNames = [
  "Ada",
  "Bruno",
  "Chiara",
  "Dmitri",
  "Élodie",
  "Farid",
  "Greta",
  "Hugo",
  "Inès",
  "Jonas",
  "Käthe",
  "Luan",
];
const lastNames = [
  "Abendrot",
  "Birkholz",
  "Castellmar",
  "Dornfeld",
  "Eschwald",
  "Fernblick",
  "Grünhag",
  "Hollerbusch",
  "Ilmenau",
];
const streets = ["Lindenweg", "Rue des Saules", "Via del Noce", "Harbour Lane", "Calle del Olmo"];
const cities = ["Musterstadt", "Exempleville", "Esempio", "Sampleford", "Ejemplar"];

/** Primary key of invented contact `number`. */
export function contactId(number: number): string {
  const hex = createHash("sha256").update(`contact ${number}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * Invented contact `number`. Some lack an e-mail, a birthday, a gender or an address, as contacts do; a few have a name longer than
 * Campaign takes.
 */
export function inventContact(number: number): Contact {
  const pick = (list: readonly string[], by: number): string => String(list[Math.floor(number / by) % list.length]);
  const has = (every: number): boolean => number % every !== 0;
  const firstname = number % 97 === 0 ? "Maximiliana-Theodora-Konstanze-Philippa" : pick(firstNames, 1);
  return {
    contactid: contactId(number),
    salutation: number % 2 === 0 ? "Ms" : "Mr",
    firstname,
    middlename: has(3) ? null : "J.",
    lastname: pick(lastNames, 7),
    emailaddress1: has(11) ? `contact.${number}@example.com` : null,
    mobilephone: has(4) ? `+49 30 5550${String(number).padStart(4, "0")}` : null,
    telephone1: has(5) ? `+33 1 5550${String(number).padStart(4, "0")}` : null,
    birthdate: has(6) ? `${1940 + (number % 65)}-${two(1 + (number % 12))}-${two(1 + (number % 28))}` : null,
    gendercode: [null, 1, 2][number % 3] ?? null,
    address1_line1: has(8) ? `${pick(streets, 3)} ${1 + (number % 120)}` : null,
    address1_city: has(8) ? pick(cities, 2) : null,
    address1_postalcode: has(8) ? String(10_000 + number) : null,
  };
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
