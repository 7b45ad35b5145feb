// The activity tables that e-mail events need in Dynamics, as definitions (facts/dataverse.md §9.2, §9.3; facts/campaign.md §12). Names are those of
// shared/dataverse/activity-tables.ts; comparing and applying is activities.ts.

import { type ActivityTable, activityTables, type TextColumn } from "../../shared/dataverse/activity-tables.js";
import { type EventType, eventTypes } from "../../shared/model/email-event.js";

/** A column as it should be. `length` of text only. */
export interface DesiredColumn {
  name: string;
  schemaName: string;
  label: string;
  kind: "text" | "url" | "instant";
  length?: number;
}

/** A table as it should be. Labels are English, and only what is made gets them: nobody's translation is overwritten. */
export interface DesiredTable {
  type: EventType;
  table: ActivityTable;
  schemaName: string;
  label: string;
  collectionLabel: string;
  description: string;
  subjectLength: number;
  columns: readonly DesiredColumn[];
}

type Json = Readonly<Record<string, unknown>>;

const words: Readonly<Record<EventType, { name: string; label: string; date: string; happened: string }>> = {
  send: { name: "EmailSend", label: "Adobe Campaign Email Send", date: "DateSent", happened: "sent" },
  open: { name: "EmailOpen", label: "Adobe Campaign Email Open", date: "DateOpened", happened: "opened" },
  click: { name: "EmailClick", label: "Adobe Campaign Email URL Click", date: "DateClicked", happened: "clicked" },
  bounce: { name: "EmailBounce", label: "Adobe Campaign Email Bounce", date: "DateBounced", happened: "bounced" },
};

/** The tables under the publisher prefix `prefix`, but for those types whose tables are somebody else's. */
export function desiredTables(prefix: string, foreign: ReadonlySet<EventType> = new Set()): DesiredTable[] {
  const tables = activityTables(prefix);
  return eventTypes
    .filter((type) => !foreign.has(type))
    .map((type) => {
      const table = tables[type];
      const { name, label, date, happened } = words[type];
      const text = (column: TextColumn, schema: string, label: string, kind: "text" | "url"): DesiredColumn[] =>
        table.columns[column] === ""
          ? []
          : [
              {
                name: table.columns[column],
                schemaName: `${prefix}_${schema}`,
                label,
                kind,
                length: table.longest[column],
              },
            ];
      return {
        type,
        table,
        schemaName: `${prefix}_${name}`,
        label,
        collectionLabel: `${label}s`,
        description: `An e-mail of Adobe Campaign was ${happened}. Written by the integration; completed when it is made.`,
        subjectLength: table.longest.subject,
        columns: [
          ...text("campaignName", "CampaignName", "Campaign Name", "text"),
          ...text("deliveryName", "DeliveryName", "Delivery Name", "text"),
          {
            name: table.columns.date,
            schemaName: `${prefix}_${date}`,
            label: date.replace("Date", "Date "),
            kind: "instant",
          },
          ...text("trackingUrl", "TrackingUrl", "Tracking URL", "url"),
          ...text("mirrorPageUrl", "MirrorPageUrl", "Mirror Page URL", "url"),
        ],
      };
    });
}

/** The body that makes the table. An activity's primary name must be called `Subject`. */
export function tableBody({ schemaName, label, collectionLabel, description, subjectLength }: DesiredTable): Json {
  const subject = {
    name: "subject",
    schemaName: "Subject",
    label: "Subject",
    kind: "text",
    length: subjectLength,
  } as const;
  return {
    "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
    SchemaName: schemaName,
    DisplayName: labelOf(label),
    DisplayCollectionName: labelOf(collectionLabel),
    Description: labelOf(description),
    OwnershipType: "UserOwned",
    IsActivity: true,
    HasNotes: true,
    HasActivities: false,
    IsAvailableOffline: true,
    ActivityTypeMask: 1,
    Attributes: [{ ...columnBody(subject), IsPrimaryName: true }],
  };
}

/** The body that makes a column. */
export function columnBody({ schemaName, label, kind, length }: DesiredColumn): Json {
  const common = {
    SchemaName: schemaName,
    DisplayName: labelOf(label),
    RequiredLevel: {
      Value: "None",
      CanBeChanged: true,
      ManagedPropertyLogicalName: "canmodifyrequirementlevelsettings",
    },
  };
  if (kind === "instant") {
    return {
      "@odata.type": "Microsoft.Dynamics.CRM.DateTimeAttributeMetadata",
      AttributeType: "DateTime",
      AttributeTypeName: { Value: "DateTimeType" },
      Format: "DateAndTime",
      DateTimeBehavior: { Value: "UserLocal" },
      ...common,
    };
  }
  return {
    "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
    AttributeType: "String",
    AttributeTypeName: { Value: "StringType" },
    FormatName: { Value: kind === "url" ? "Url" : "Text" },
    MaxLength: length,
    ...common,
  };
}

const english = 1033;

function labelOf(text: string): Json {
  const label = { "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", Label: text, LanguageCode: english };
  return { "@odata.type": "Microsoft.Dynamics.CRM.Label", LocalizedLabels: [label] };
}
