// The RemoteExecutionContext a step sends; facts/dataverse.md §1.3 to §1.5. How it travels is in messages.ts, when in pipeline.ts.
import { ODataError } from "../errors.js";
import type { Value } from "../model/column.js";
import type { Table } from "../model/table.js";
import type { Session } from "../session.js";
import { type Row, readValue } from "../store/row-store.js";
import { encodeImage, encodeTarget, type Pair, pair, plainReference, typed } from "./encode.js";
import type { Step } from "./steps.js";

/** Something that happened to one row. */
export interface RowEvent {
  message: string;
  table: Table;
  id: string;
  /** The columns of the Target; undefined for Delete, whose Target is a reference. */
  target: ReadonlyMap<string, Value> | undefined;
  /** What the client itself sent: the Target of the outer request. */
  sent: ReadonlyMap<string, Value> | undefined;
  before: Row | undefined;
  after: Row | undefined;
  /** 1 for what the client asked for, more for what followed from it. */
  depth: number;
  /** What the context calls the table when that is not its name. */
  entityName?: string;
  /** Further input parameters, e.g. those of Merge. */
  parameters?: Pair[];
  /** Parameters of the outer request where it was not the same message. */
  outer?: { message: string; parameters: Pair[] };
}

/** The table an event is about, as steps and receivers are told. */
export const entityNameOf = ({ entityName, table }: RowEvent): string => entityName ?? table.name;

const NO_OBJECT_ID = "00000000-0000-0000-0000-000000000000";

/** A step may still name a column that was removed since; what then happens is a switch (README.md). */
const checkImageColumns = (session: Session, { table }: RowEvent, columns: readonly string[] | undefined): void => {
  if (session.org.switches.removedColumnInImage === "left out") return;
  const removed = columns?.find((name) => !table.column(name));
  if (removed !== undefined)
    throw new ODataError(
      400,
      "0x80041103",
      `'${table.name}' entity doesn't contain attribute with Name = '${removed}'.`,
    );
};

const imagesOf = (session: Session, event: RowEvent, step: Step, which: "pre" | "post"): Pair[] => {
  const row = which === "pre" ? event.before : event.after;
  const wanted = step.images.filter((image) => image[which]);
  if (!row || (which === "pre" && event.message === "Create") || (which === "post" && event.message === "Delete"))
    return [];
  for (const { columns } of wanted) checkImageColumns(session, event, columns);
  return wanted.map((image) => pair(image.alias, encodeImage(event.table, row, image.columns, which === "post")));
};

/** The image every asynchronous step gets: primary name and id. */
const primaryNameImage = (event: RowEvent): Pair[] => {
  const { table } = event;
  const row = event.after ?? event.before;
  if (!row) return [];
  return [
    pair(
      "AsynchronousStepPrimaryName",
      encodeImage(table, row, [...(table.primaryName ? [table.primaryName] : []), table.primaryId], false),
    ),
  ];
};

const sharedVariables = (event: RowEvent, tag: string | undefined): Pair[] => [
  pair("IsAutoTransact", true),
  ...(event.message === "Create" ? [pair("DefaultsAddedFlag", true)] : []),
  ...(event.message === "Update" ? [pair("AcceptLang", "")] : []),
  ...(tag === undefined ? [] : [pair("tag", tag)]),
];

const targetOf = (event: RowEvent, values: ReadonlyMap<string, Value> | undefined, withLabels: boolean): object =>
  values
    ? encodeTarget(event.table, event.id, values, withLabels)
    : typed("EntityReference", plainReference({ table: event.table.name, id: event.id }));

/** The context as an object, its members in alphabetical order. `operationId` is the system job of an asynchronous step. */
export function buildContext(
  session: Session,
  event: RowEvent,
  step: Step,
  operationId: string,
): Record<string, unknown> {
  const { org, caller, request } = session;
  const stage = step.async ? 40 : step.stage;
  const userId = step.impersonate ?? caller.userId;
  const user = org.database.rows("systemuser").get(userId);
  const unit = user?.businessunitid;
  const seconds = Math.floor(org.world.now() / 1000);
  const shared = (
    input: Pair[],
    at: number,
    output: Pair[],
    pre: Pair[],
    post: Pair[],
    parent: unknown,
    message: string,
  ) => ({
    BusinessUnitId: typeof unit === "object" && unit !== null && "id" in unit ? unit.id : NO_OBJECT_ID,
    CorrelationId: session.correlationId,
    Depth: event.depth,
    InitiatingUserAgent: caller.userAgent,
    InitiatingUserAzureActiveDirectoryObjectId: NO_OBJECT_ID,
    InitiatingUserId: caller.initiatingUserId,
    InputParameters: input,
    IsExecutingOffline: false,
    IsInTransaction: !step.async && stage !== 10,
    IsOfflinePlayback: false,
    IsolationMode: 1,
    MessageName: message,
    Mode: step.async ? 1 : 0,
    OperationCreatedOn: `/Date(${seconds * 1000}+0000)/`,
    OperationId: operationId,
    OrganizationId: org.organizationId(),
    OrganizationName: org.options.organizationName,
    OutputParameters: output,
    OwningExtension: plainReference({ table: "sdkmessageprocessingstep", id: step.id }),
    ParentContext: parent,
    PostEntityImages: post,
    PreEntityImages: pre,
    PrimaryEntityId: event.id,
    PrimaryEntityName: entityNameOf(event),
    RequestId: session.requestId,
    SecondaryEntityName: "none",
    SharedVariables: sharedVariables(event, session.tag),
    Stage: at,
    UserAzureActiveDirectoryObjectId: NO_OBJECT_ID,
    UserId: userId,
  });
  const create = event.message === "Create" && stage === 40;
  const output = create ? [pair("id", event.id)] : [];
  const labelled = event.message === "Create";
  const input = [pair("Target", targetOf(event, event.target, labelled)), ...(event.parameters ?? [])];
  const isDelete = event.message === "Delete";
  const name =
    step.async && org.switches.deletePrimaryNameImage === "none" && isDelete
      ? []
      : step.async
        ? primaryNameImage(event)
        : [];
  const pre = [...(isDelete ? name : []), ...imagesOf(session, event, step, "pre")];
  const post = stage === 40 ? [...(isDelete ? [] : name), ...imagesOf(session, event, step, "post")] : [];
  const suppress = request.headers["mscrm.suppressduplicatedetection"] !== undefined;
  const outerInput = event.outer?.parameters ?? [
    pair("Target", targetOf(event, event.sent, false)),
    ...(event.sent || suppress
      ? [pair("SuppressDuplicateDetection", request.headers["mscrm.suppressduplicatedetection"] === "true")]
      : []),
    ...(event.parameters ?? []),
  ];
  const parent = shared(outerInput, 30, [], [], [], null, event.outer?.message ?? event.message);
  return shared(input, stage, output, pre, post, parent, event.message);
}

/** The default value of a column is part of the row: values of all its columns that are not null. */
export const allValues = (table: Table, row: Row): Map<string, Value> =>
  new Map(
    table.columns.map(({ name }) => [name, readValue(table, row, name)] as const).filter(([, value]) => value !== null),
  );
