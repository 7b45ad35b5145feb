// The tables of docs/examples in a Dataverse simulator, made through its Web API as an administrator would. For tests of metadata and publishing.

import { readFileSync } from "node:fs";
import { type DataverseCore, makeDataverseCore } from "../../infra/local/dataverse/core.js";
import { WELL_KNOWN } from "../../infra/local/dataverse/model/ids.js";
import { LOCAL_APPS } from "../../infra/local/dataverse/options.js";
import type { DataverseClient } from "../../shared/dataverse/client.js";
import type { HttpClient } from "../../shared/http/client.js";
import { makeDynamicsClient } from "../../shared/services.js";
import { coreHttp, coreWorld } from "./core-http.js";
import type { FixedClock } from "./fixed-clock.js";

const crm = "Microsoft.Dynamics.CRM";

type Json = Record<string, unknown>;

/** A label in English, the one language of the simulator. */
function label(text: string): Json {
  return { LocalizedLabels: [{ Label: text, LanguageCode: 1033 }] };
}

/** An attribute definition. */
export function anAttribute(type: string, name: string, more: Json = {}): Json {
  const schemaName = name.replace(/_(.)/, (_, letter: string) => `_${letter.toUpperCase()}`);
  return {
    "@odata.type": `${crm}.${type}AttributeMetadata`,
    SchemaName: schemaName,
    DisplayName: label(schemaName),
    ...more,
  };
}

function options(labels: Readonly<Record<number, string>>): Json {
  return {
    OptionSet: {
      IsGlobal: false,
      Options: Object.entries(labels).map(([value, text]) => ({ Value: Number(value), Label: label(text) })),
    },
  };
}

const tables: Readonly<
  Record<string, { primary: Json; attributes: readonly Json[]; lookups: readonly [string, string][] }>
> = {
  acme_dealer: {
    primary: anAttribute("String", "acme_name", { MaxLength: 100 }),
    attributes: [
      anAttribute("String", "acme_city", { MaxLength: 80 }),
      anAttribute("Decimal", "acme_rating"),
      anAttribute("Boolean", "acme_premium", {
        OptionSet: {
          TrueOption: { Value: 1, Label: label("Premium dealer") },
          FalseOption: { Value: 0, Label: label("Standard dealer") },
        },
      }),
    ],
    lookups: [],
  },
  acme_vehicle: {
    primary: anAttribute("String", "acme_name", { MaxLength: 100 }),
    attributes: [
      anAttribute("String", "acme_make", { MaxLength: 60 }),
      anAttribute("String", "acme_model", { MaxLength: 60 }),
      anAttribute(
        "Picklist",
        "acme_fuel",
        options({ 727000000: "Petrol", 727000001: "Diesel", 727000002: "Electric" }),
      ),
      anAttribute("MultiSelectPicklist", "acme_extras", options({ 1: "Towbar", 2: "Sunroof", 3: "Winter tyres" })),
      anAttribute("Money", "acme_price"),
      anAttribute("Integer", "acme_seats"),
      anAttribute("DateTime", "acme_firstregistration", {
        Format: "DateOnly",
        DateTimeBehavior: { Value: "DateOnly" },
      }),
    ],
    lookups: [
      ["acme_keeperid", "contact"],
      ["acme_dealerid", "acme_dealer"],
    ],
  },
  acme_visit: {
    primary: anAttribute("String", "acme_subject", { MaxLength: 200 }),
    attributes: [
      anAttribute("Picklist", "acme_kind", options({ 1: "Service", 2: "Repair" })),
      anAttribute("DateTime", "acme_localtime", { DateTimeBehavior: { Value: "TimeZoneIndependent" } }),
      anAttribute("DateTime", "acme_finishedon"),
      anAttribute("Money", "acme_amount"),
    ],
    lookups: [["acme_vehicleid", "acme_vehicle"]],
  },
};

/** A simulator with the tables of the examples. */
export interface AcmeDynamics {
  core: DataverseCore;
  /** As our application user. */
  client: DataverseClient;
  /** Paths asked for by `client` so far, from the Web API root. */
  asked: string[];
  /** As an administrator: changes definitions. */
  define(method: "POST" | "PUT" | "DELETE", path: string, body?: Json): Promise<void>;
  clientAs(app: { clientId: string; clientSecret: string }): DataverseClient;
}

/** Makes one. `tracking` names tables whose change tracking is on; all, unless said. */
export async function makeAcmeDynamics(
  clock: FixedClock,
  tracking: readonly string[] = Object.keys(tables),
): Promise<AcmeDynamics> {
  const core = makeDataverseCore(coreWorld(clock));
  const asked: string[] = [];
  const plain = coreHttp({ "dataverse.test": core }, clock);
  const http: HttpClient = {
    async send(request) {
      asked.push(`${request.url.pathname}${decodeURIComponent(request.url.search)}`.replace("/api/data/v9.2/", ""));
      return withCustomerColumn(await plain.send(request), request.url.pathname);
    },
  };
  const url = new URL("http://dataverse.test");
  const clientAs = (app: { clientId: string; clientSecret: string }): DataverseClient => {
    const auth = { by: "client-secret" as const, authority: url, tenantId: WELL_KNOWN.tenant, ...app };
    return makeDynamicsClient({ dynamics: { url, auth } }, http, clock);
  };
  const administrator = clientAs(LOCAL_APPS.editor);
  const define: AcmeDynamics["define"] = async (method, path, body) => {
    await administrator.call({ operation: "define", method, path, ...(body && { body }) });
  };
  for (const [name, { primary, attributes, lookups }] of Object.entries(tables)) {
    await define("POST", "EntityDefinitions", {
      ...anAttribute("", name),
      "@odata.type": `${crm}.EntityMetadata`,
      OwnershipType: "UserOwned",
      ChangeTrackingEnabled: tracking.includes(name),
      Attributes: [{ ...primary, IsPrimaryName: true }],
    });
    const path = `EntityDefinitions(LogicalName='${name}')/Attributes`;
    for (const attribute of attributes) await define("POST", path, attribute);
    for (const [column, target] of lookups) {
      await define("POST", "RelationshipDefinitions", {
        "@odata.type": `${crm}.OneToManyRelationshipMetadata`,
        SchemaName: `${name}_${column}`,
        ReferencedEntity: target,
        ReferencingEntity: name,
        Lookup: anAttribute("Lookup", column),
      });
    }
  }
  asked.length = 0;
  return { core, client: clientAs(LOCAL_APPS.integration), asked, define, clientAs };
}

/** The simulator makes lookups with one target only; the keeper of a vehicle is a person or a company. */
function withCustomerColumn<Answer extends { text: string }>(answer: Answer, path: string): Answer {
  if (!/acme_vehicle.*LookupAttributeMetadata/.test(decodeURIComponent(path))) return answer;
  const body = JSON.parse(answer.text) as { value: { LogicalName: string; Targets: string[] }[] };
  for (const column of body.value) if (column.LogicalName === "acme_keeperid") column.Targets.push("account");
  return { ...answer, text: JSON.stringify(body) };
}

/** The three documents of docs/examples, parents first. */
export function acmeDocuments(): Record<string, unknown>[] {
  return ["dealer", "vehicle", "visit"].map((name) =>
    JSON.parse(readFileSync(new URL(`../../docs/examples/acme-${name}.json`, import.meta.url), "utf8")),
  );
}
