// Audit history is evidence only while it is written and kept: for the environment, the table and each column (Microsoft: "Configure auditing").

import { z } from "zod";
import type { TableMapping } from "../../../shared/mapping/table-mapping.js";
import { type Check, type Finding, fail, orOk, skipped, warn } from "../check.js";
import type { DynamicsPorts } from "./ports.js";

/** Long enough for whoever was away for a month. */
const fewestDays = 30;

const flagSchema = z.object({ Value: z.boolean() });
const organizationSchema = z.object({
  value: z.array(z.object({ isauditenabled: z.boolean(), auditretentionperiodv2: z.number().nullish() })).min(1),
});
const tableSchema = z.object({ IsAuditEnabled: flagSchema });
const columnsSchema = z.object({ value: z.array(z.object({ LogicalName: z.string(), IsAuditEnabled: flagSchema })) });

/** Auditing of the opt-out columns, where a mapping has `evidence: audit`. */
export function auditCheck(ports: () => DynamicsPorts): Check {
  return {
    area: "dynamics",
    name: "audit",
    asks: "is audit history written and kept where a mapping takes it as evidence of opt-ins?",
    after: "sign-in",
    beyondApp: true,
    async run() {
      const audited = (await ports().prepared()).mappings.filter(
        ({ optOuts }) => optOuts && optOuts.direction !== "disabled" && optOuts.evidence === "audit",
      );
      if (audited.length === 0) return [skipped("no mapping takes audit history as evidence")];
      const findings = await organizationFindings(ports());
      for (const mapping of audited) findings.push(...(await tableFindings(ports(), mapping)));
      return orOk(findings, `on for ${audited.map(({ table }) => table.name).join(", ")}`);
    },
  };
}

const inSettings = "Power Platform admin center: Environments, Settings, Audit and logs, Audit settings";

async function organizationFindings({ client }: DynamicsPorts): Promise<Finding[]> {
  const path = "organizations?$select=isauditenabled,auditretentionperiodv2";
  const answer = organizationSchema.parse(await client.json({ operation: "read the organisation", path }));
  const { isauditenabled, auditretentionperiodv2: days } = answer.value[0] ?? { isauditenabled: false };
  if (!isauditenabled)
    return [
      fail("auditing is off for the environment: no opt-in of Dynamics is believed", `Switch it on (${inSettings}).`),
    ];
  if (typeof days !== "number" || days === -1 || days >= fewestDays) return [];
  return [warn(`audit history is kept for ${days} days`, `Keep it for ${fewestDays} days or more (${inSettings}).`)];
}

async function tableFindings(
  { client }: DynamicsPorts,
  { table: { name }, optOuts }: TableMapping,
): Promise<Finding[]> {
  const operation = `read the definition of ${name}`;
  const root = `EntityDefinitions(LogicalName='${name}')`;
  const table = tableSchema.parse(await client.json({ operation, path: `${root}?$select=IsAuditEnabled` }));
  const columns = columnsSchema.parse(
    await client.json({ operation, path: `${root}/Attributes?$select=LogicalName,IsAuditEnabled` }),
  );
  const on = new Map(columns.value.map(({ LogicalName, IsAuditEnabled }) => [LogicalName, IsAuditEnabled.Value]));
  const off = Object.values(optOuts?.attributes ?? {}).filter((column) => !on.get(column));
  const how =
    "Power Apps: Tables, the table, Edit, Advanced options, Audit changes to its data; Columns, the column, Advanced options, Enable auditing";
  return [
    ...(table.IsAuditEnabled.Value ? [] : [fail(`auditing is off for the table ${name}`, `${how}.`)]),
    ...(off.length > 0
      ? [fail(`auditing is off for ${off.map((column) => `${name}.${column}`).join(", ")}`, `${how}.`)]
      : []),
  ];
}
