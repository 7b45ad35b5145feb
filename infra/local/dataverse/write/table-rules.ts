// What single tables demand of their rows beyond types: steps and images here, endpoints in endpoint-rules.ts; facts/dataverse.md §1.1, §11.

import { invalidArgument, notImitated, requiredFieldMissing } from "../errors.js";
import { isBusEndpoint } from "../events/send-to-bus.js";
import type { Value } from "../model/column.js";
import { own } from "../own.js";
import { checkEndpoint, syncOnBus, type TableRule } from "./endpoint-rules.js";

const idOf = (value: Value): string | undefined =>
  typeof value === "object" && value !== null && "id" in value ? value.id : undefined;

/** Messages this simulator raises. A step on another one would wait for ever: refused. */
const RAISED = new Set(["Create", "Update", "Delete", "Merge", "Associate", "Disassociate"]);

const checkStep: TableRule = (session, _values, after, isNew) => {
  const { database } = session.org;
  const filterId = idOf(after("sdkmessagefilterid"));
  const messageId = idOf(after("sdkmessageid"));
  const endpoint = idOf(after("eventhandler"));
  if (isNew && endpoint === undefined) throw requiredFieldMissing("A step needs an event handler.");
  if (messageId === undefined) throw requiredFieldMissing("A step needs a message (sdkmessageid).");
  const message = String(database.rows("sdkmessage").get(messageId)?.name);
  if (!RAISED.has(message)) throw notImitated(`steps on the message ${message}`);
  if (after("mode") === 0 && isBusEndpoint(database.rows("serviceendpoint").get(endpoint ?? ""))) throw syncOnBus();
  if (after("mode") === 1 && after("stage") !== 40) {
    throw invalidArgument(
      "Only SdkMessageProcessingStep with Parent invocation source and post-operation stage can be asynchronous.",
    );
  }
  if (filterId !== undefined) {
    const ofFilter = database.rows("sdkmessagefilter").get(filterId)?.sdkmessageid;
    if (idOf(ofFilter ?? null) !== messageId)
      throw invalidArgument("The message of the step and the message of its filter differ.");
  }
  const filtered = after("filteringattributes");
  if (typeof filtered === "string" && filtered !== "" && message !== "Update") {
    throw invalidArgument("Filtering attributes are only supported for the Update message.");
  }
};

const PROPERTY_BY_MESSAGE: Record<string, string[]> = {
  Create: ["Target", "Id", "id"],
  Update: ["Target"],
  Delete: ["Target"],
  Assign: ["Target"],
  SetState: ["EntityMoniker"],
  SetStateDynamicEntity: ["EntityMoniker"],
  Merge: ["Target", "SubordinateId"],
};

const checkImage: TableRule = (session, _values, after) => {
  const { database } = session.org;
  const step = database.rows("sdkmessageprocessingstep").get(idOf(after("sdkmessageprocessingstepid")) ?? "");
  const message = String(database.rows("sdkmessage").get(idOf(step?.sdkmessageid ?? null) ?? "")?.name);
  const properties = own(PROPERTY_BY_MESSAGE, message);
  if (!properties) throw invalidArgument(`The message ${message} does not support images.`);
  if (!properties.includes(String(after("messagepropertyname")))) {
    throw invalidArgument(
      `Message property name '${String(after("messagepropertyname"))}' is not valid on message ${message}.`,
    );
  }
  const type = after("imagetype");
  if (message === "Create" && type !== 1) throw invalidArgument("PreImage is not supported on message Create.");
  if (message === "Delete" && type !== 0) throw invalidArgument("PostImage is not supported on message Delete.");
  if (type !== 0 && step?.stage !== 40)
    throw invalidArgument("PostImage is only supported at the post-operation stage.");
};

const RULES: Record<string, TableRule> = {
  serviceendpoint: checkEndpoint,
  sdkmessageprocessingstep: checkStep,
  sdkmessageprocessingstepimage: checkImage,
};

/** Applies the rule of a table, if it has one. */
export const applyTableRule = (table: string, ...args: Parameters<TableRule>): void => own(RULES, table)?.(...args);
