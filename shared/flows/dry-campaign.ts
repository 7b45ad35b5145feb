// Campaign as a dry run meets it: read as it is, never written. What would have been written is noted, and what is read afterwards is what would have been
// there then, so that a record that would have been created is there for its children and for its next change.

import { ConflictError, MissingError } from "../errors.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { Clock } from "../model/clock.js";
import { type DryNote, type DryOptOut, wouldBeThere } from "../model/dry-note.js";
import { parseRecordId } from "../model/ids.js";
import { type CampaignOptOut, type OptOutAttribute, optOutAttributes } from "../optout/attributes.js";
import { namesIn } from "../optout/wire-names.js";
import { compareFields } from "./compare-fields.js";
import type { DryNotes, DryRef } from "./dry-run-ports.js";
import type { CampaignOptOutStore } from "./optout-ports.js";
import type { CampaignSink, CampaignSource, Carried } from "./ports.js";

/** What a dry run reads of Campaign, and where it notes. */
export interface DryCampaignParts {
  notes: DryNotes;
  source: Pick<CampaignSource, "fetch">;
  optOuts: CampaignOptOutStore;
  clock: Pick<Clock, "now">;
}

const notSent: Carried = { mayEcho: false };

/** The port CampaignSink without its writes. Each costs the read that tells whether the record is there, and answers as Campaign would. */
export function makeDryCampaign({ notes, source, clock }: DryCampaignParts): CampaignSink {
  /** What the record would hold; undefined: it would not be there. What this run noted it holds is not known: empty. */
  const held = async (mapping: CompiledMapping, key: string, deadline: number): Promise<Fields | undefined> => {
    const isThere = wouldBeThere(await notes.read(refOf(mapping, key)));
    if (isThere === false) return undefined;
    const fields = await source.fetch(mapping, key, deadline);
    return isThere ? (fields ?? {}) : fields;
  };
  const there = async (mapping: CompiledMapping, key: string, deadline: number): Promise<Fields> => {
    const found = await held(mapping, key, deadline);
    if (!found) throw new MissingError(`there is no ${mapping.resource.name} with this key`, { system: "campaign" });
    return found;
  };
  return {
    async insert(mapping, key, fields, deadline) {
      if (await held(mapping, key, deadline)) {
        throw new ConflictError(`there is a ${mapping.resource.name} with this key`, { system: "campaign" });
      }
      const optOuts = optOutsIn(fields, clock.now());
      await notes.wrote(refOf(mapping, key), { outcome: "created", fields: Object.keys(fields), optOuts });
      return notSent;
    },
    async update(mapping, key, fields, deadline) {
      const before = await there(mapping, key, deadline);
      const { differing, unseen } = compareFields(mapping, { always: fields, insertOnly: {}, warnings: [] }, before);
      const changed = [...differing.map(({ field }) => field), ...unseen];
      await notes.wrote(refOf(mapping, key), { outcome: "updated", fields: changed });
      return notSent;
    },
    async remove(mapping, key, deadline) {
      await there(mapping, key, deadline);
      await notes.wrote(refOf(mapping, key), { outcome: "deleted", fields: [] });
      return notSent;
    },
  };
}

/** The port CampaignOptOutStore without its write. */
export function makeDryCampaignOptOuts({ notes, optOuts, clock }: DryCampaignParts): CampaignOptOutStore {
  const read: CampaignOptOutStore["read"] = async (mapping, key, deadline) => {
    const note = await notes.read(refOf(mapping, key));
    const isThere = wouldBeThere(note);
    if (isThere === false) return undefined;
    const shown = await optOuts.read(mapping, key, deadline);
    if (!shown && !isThere) return undefined;
    const attributes = shown
      ? [...shown.keys()]
      : (mapping.optOuts?.attributes ?? []).map(({ attribute }) => attribute);
    return new Map(attributes.map((attribute) => [attribute, laterOf(attribute, shown?.get(attribute), note)]));
  };
  return {
    read,
    async write(mapping, key, values, deadline) {
      if (values.size === 0) return notSent;
      if (!(await read(mapping, key, deadline))) {
        throw new MissingError(`there is no ${mapping.resource.name} with this key`, { system: "campaign" });
      }
      const at = clock.now();
      const fields = Object.keys(await optOuts.toFields(mapping, values));
      const noted = Object.fromEntries([...values].map(([attribute, value]) => [attribute, { value, at }]));
      await notes.wrote(refOf(mapping, key), { outcome: "updated", fields, optOuts: noted });
      return notSent;
    },
    toFields: (mapping, values) => optOuts.toFields(mapping, values),
  };
}

function refOf({ table }: CompiledMapping, key: string): DryRef {
  return { side: "campaign", table: table.name, id: parseRecordId(key) };
}

/** Somebody who chose in Campaign after our write that was not made has chosen. */
function laterOf(
  attribute: OptOutAttribute,
  shown: CampaignOptOut | undefined,
  note: DryNote | undefined,
): CampaignOptOut {
  const noted = note?.optOuts[attribute];
  if (!noted || (shown?.at !== undefined && shown.at > noted.at)) return shown ?? { value: false };
  if (shown?.value === noted.value) return shown;
  return attribute === "push" ? { value: noted.value } : noted;
}

/** Opt-outs among the fields of a new profile, by attribute. */
function optOutsIn(fields: Fields, at: number): Record<string, DryOptOut> {
  const names = namesIn((name) => Object.hasOwn(fields, name));
  const found: Record<string, DryOptOut> = {};
  for (const attribute of optOutAttributes) {
    const name = names.get(attribute);
    if (name) found[attribute] = { value: fields[name.field] === true, at };
  }
  return found;
}
