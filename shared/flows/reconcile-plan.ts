// What a reconciliation compares, and by which rules: so much of a mapping, in force or a draft, as it needs, kept with the run. Pure.

import { type CompiledMapping, compileMapping } from "../mapping/compile.js";

/** Table, resource, key and opt-outs of a mapping. */
export type ReconcilePlan = Pick<CompiledMapping, "table" | "resource" | "key"> & {
  optOuts: NonNullable<CompiledMapping["optOuts"]>;
};

/** The plan of the mapping that says how opt-outs are kept equal; undefined: none of them does. */
export function planOf(mappings: Iterable<CompiledMapping>): ReconcilePlan | undefined {
  for (const { table, resource, key, optOuts } of mappings) {
    // Only profiles have opt-outs, and a resource has one mapping.
    if (optOuts) return { table, resource, key, optOuts };
  }
  return undefined;
}

/** A mapping that reads the contact's opt-outs and nothing else of it. */
export function mappingOfPlan({ table, resource, key, optOuts }: ReconcilePlan): CompiledMapping {
  const { direction, attributes, skewMs, audited } = optOuts;
  const columns = attributes.map(({ column }) => [column, "boolean" as const]);
  return compileMapping({
    v: 1,
    table,
    resource,
    key,
    columns: { [table.id]: "id", ...Object.fromEntries(columns) },
    picklists: "value",
    fields: [],
    whenFilteredOut: "leave",
    applyDeletes: true,
    optOuts: {
      direction,
      attributes: Object.fromEntries(attributes.map(({ attribute, column }) => [attribute, column])),
      skewSeconds: skewMs / 1_000,
      evidence: audited ? "audit" : "record",
    },
  });
}

/** Would a word given to what `listed` found mean the same under `inForce`? The lane goes by the settings in force. */
export function meansTheSame(listed: ReconcilePlan, inForce: ReconcilePlan | undefined): boolean {
  const meaning = (plan: ReconcilePlan | undefined): unknown =>
    plan && [
      plan.table,
      plan.resource,
      plan.key.field,
      plan.optOuts.direction,
      plan.optOuts.audited,
      plan.optOuts.attributes.map(({ attribute, column }) => `${attribute}=${column}`).sort(),
    ];
  return JSON.stringify(meaning(listed)) === JSON.stringify(meaning(inForce));
}
