// What only a set of table mappings can have wrong: tables and resources mapped twice, parents that nobody maps, mappings that wait for each
// other in a circle, and the guardrails of Adobe's own application. Pure.

import { mustExist } from "./parents.js";
import type { MappingProblem } from "./problem.js";
import type { TableMapping } from "./table-mapping.js";
import { examineMapping } from "./validate.js";

/** Mappings that may be compiled and run together, or everything that keeps them from it. Warnings keep them from nothing. */
export type ValidatedSet =
  | { mappings: readonly TableMapping[]; problems: readonly []; warnings: readonly MappingProblem[] }
  | { problems: readonly MappingProblem[]; warnings: readonly MappingProblem[] };

/**
 * Checks all mappings that are to be in force together. Paths begin with the document's place, e.g. `[2].fields[0].link.table`. Never throws.
 */
export function validateMappings(documents: readonly unknown[]): ValidatedSet {
  const examined = documents.map(examineMapping);
  const mappings = examined.flatMap(({ mapping }, index) => (mapping ? [{ index, mapping }] : []));
  const links = mappings.flatMap(linksOf);
  const own = (kind: "problems" | "warnings"): MappingProblem[] =>
    examined.flatMap((one, index) =>
      one[kind].map((found) => ({ ...found, path: found.path === "" ? `[${index}]` : `[${index}].${found.path}` })),
    );
  const complete = mappings.length === documents.length;
  const problems = [
    ...own("problems"),
    ...twice(mappings, "table", ({ table }) => table.name),
    ...twice(mappings, "resource", ({ resource }) => resource.name),
    ...(complete ? links.filter((link) => link.waits && !isMapped(link.parent, mappings)).map(unknownParent) : []),
    ...circles(links.filter((link) => link.waits && isMapped(link.parent, mappings))),
  ];
  const warnings = [
    ...own("warnings"),
    ...links.filter((link) => complete && !link.waits && !isMapped(link.parent, mappings)).map(unknownParent),
    ...guardrails(mappings, links),
  ];
  if (problems.length > 0 || !complete) return { problems, warnings };
  return { mappings: mappings.map(({ mapping }) => mapping), problems: [], warnings };
}

interface Placed {
  index: number;
  mapping: TableMapping;
}

/** An edge of the graph of tables. */
interface TableLink {
  path: string;
  child: string;
  parent: string;
  waits: boolean;
}

function linksOf({ index, mapping }: Placed): TableLink[] {
  return mapping.fields.flatMap(({ link }, field) =>
    link
      ? [
          {
            path: `[${index}].fields[${field}].link`,
            child: mapping.table.name,
            parent: link.table,
            waits: mustExist(link),
          },
        ]
      : [],
  );
}

function isMapped(table: string, mappings: readonly Placed[]): boolean {
  return mappings.some(({ mapping }) => mapping.table.name === table);
}

function twice(
  mappings: readonly Placed[],
  member: "table" | "resource",
  nameOf: (mapping: TableMapping) => string,
): MappingProblem[] {
  return mappings.flatMap(({ index, mapping }) => {
    const first = mappings.find((other) => nameOf(other.mapping) === nameOf(mapping));
    if (first === undefined || first.index === index) return [];
    const problem = `${member} ${nameOf(mapping)} is already mapped by [${first.index}]`;
    return [{ path: `[${index}].${member}.name`, problem, fix: "keep one of the two: a table goes to one resource" }];
  });
}

function unknownParent({ path, parent, waits }: TableLink): MappingProblem {
  const problem = waits
    ? `no mapping brings ${parent} to Campaign, so that this record would wait for ever`
    : `no mapping brings ${parent} to Campaign`;
  return { path: `${path}.table`, problem, fix: `map ${parent} too, or remove the link` };
}

/** Circles of links that wait, each named once: nobody in one would ever be first. */
function circles(links: readonly TableLink[]): MappingProblem[] {
  const done = new Set<string>();
  const found: MappingProblem[] = [];
  const visit = (table: string, trail: readonly string[]): void => {
    if (done.has(table)) return;
    for (const { path, child, parent } of links) {
      if (child !== table) continue;
      const start = trail.indexOf(parent);
      if (start < 0) visit(parent, [...trail, parent]);
      else {
        const problem = `these wait for each other in a circle: ${[...trail.slice(start), parent].join(" → ")}`;
        found.push({ path, problem, fix: "make one of the links a join of cardinality 0..1: it needs no waiting" });
      }
    }
    done.add(table);
  };
  for (const { child } of links) visit(child, [child]);
  return found;
}

/** What Adobe's own application allows (facts/campaign.md §10): tried ground, not a wall. */
const adobe = { entities: 20, columns: 50, links: 5, levels: 3 } as const;

function guardrails(mappings: readonly Placed[], links: readonly TableLink[]): MappingProblem[] {
  const warn = (path: string, problem: string): MappingProblem => ({
    path,
    problem: `${problem}, more than Adobe's own application allows`,
    fix: "nothing to do if Campaign copes; measure before going live",
  });
  const custom = mappings.filter(({ mapping }) => mapping.resource.name !== "profile").length;
  return [
    ...(custom > adobe.entities ? [warn("", `${custom} custom entities (${adobe.entities})`)] : []),
    ...mappings.flatMap(({ index, mapping }) => {
      const linked = links.filter(({ path }) => path.startsWith(`[${index}].`)).length;
      const levels = levelsAbove(mapping.table.name, links, []);
      const columns = mapping.fields.length + 1;
      return [
        ...(columns > adobe.columns
          ? [warn(`[${index}].fields`, `${columns} columns with the key (${adobe.columns})`)]
          : []),
        ...(linked > adobe.links ? [warn(`[${index}].fields`, `${linked} links (${adobe.links})`)] : []),
        ...(levels > adobe.levels
          ? [warn(`[${index}].fields`, `${levels} levels of linked tables (${adobe.levels})`)]
          : []),
      ];
    }),
  ];
}

/** Tables on the longest way up from `table`, itself included, counted to one more than the guardrail; a circle is walked once. */
function levelsAbove(table: string, links: readonly TableLink[], trail: readonly string[]): number {
  if (trail.length >= adobe.levels) return 1;
  const parents = new Set(links.filter(({ child }) => child === table).map(({ parent }) => parent));
  const above = [...parents]
    .filter((parent) => parent !== table && !trail.includes(parent))
    .map((parent) => levelsAbove(parent, links, [...trail, table]));
  return 1 + Math.max(0, ...above);
}
