// The judge of a run: what a profile must hold for a contact, written down by hand and apart from the mapping engine, so that a
// fault of the engine cannot hide itself. Reads what both simulators hold, through their /_sim routes.

/** A row or record as a simulator holds it. */
export type Held = Readonly<Record<string, unknown>>;

/** One difference between the systems, in words: field names and kinds, no values. */
export interface Difference {
  id: string;
  what: string;
}

/** Text columns, the profile field each must be in, and how many characters fit. */
const texts: readonly (readonly [column: string, field: string, length: number])[] = [
  ["salutation", "salutation", 20],
  ["firstname", "firstName", 30],
  ["middlename", "middleName", 30],
  ["lastname", "lastName", 50],
  ["emailaddress1", "email", 128],
  ["mobilephone", "mobilePhone", 32],
  ["telephone1", "phone", 32],
  ["fax", "fax", 32],
  ["birthdate", "birthDate", 10],
  ["address1_line1", "location.address1", 80],
  ["address1_line2", "location.address2", 80],
  ["address1_line3", "location.address3", 80],
  ["address1_city", "location.city", 80],
  ["address1_postalcode", "location.zipCode", 12],
];
const genders = new Map<unknown, string>([
  [1, "male"],
  [2, "female"],
]);

/** All differences between the contacts of Dynamics and the profiles of Campaign that carry an external id. */
export function compareSystems(contacts: readonly Held[], profiles: readonly Held[]): Difference[] {
  const differences: Difference[] = [];
  const byKey = new Map<string, Held>();
  for (const profile of profiles) {
    const key = String(profile.externalId ?? "");
    if (key === "") continue;
    if (byKey.has(key)) differences.push({ id: key, what: "there are two profiles" });
    byKey.set(key, profile);
  }
  for (const contact of contacts) {
    const id = String(contact.contactid);
    const profile = byKey.get(id);
    byKey.delete(id);
    if (!profile) differences.push({ id, what: "there is no profile" });
    else differences.push(...fieldDifferences(contact, profile).map((what) => ({ id, what })));
  }
  for (const id of byKey.keys()) differences.push({ id, what: "there is a profile but no contact" });
  return differences;
}

function fieldDifferences(contact: Held, profile: Held): string[] {
  const wrong = texts.filter(([column, field, length]) => {
    const expected = String(contact[column] ?? "").slice(0, length);
    return String(valueAt(profile, field) ?? "") !== expected;
  });
  const gender = genders.get(contact.gendercode) ?? "unknown";
  const wrongGender = profile.gender === gender ? [] : ["gender differs"];
  return [...wrong.map(([, field]) => `${field} differs`), ...wrongGender];
}

function valueAt(record: Held, path: string): unknown {
  const [head = "", tail] = path.split(".");
  const value = record[head];
  if (tail === undefined) return value;
  return typeof value === "object" && value !== null ? (value as Held)[tail] : undefined;
}
