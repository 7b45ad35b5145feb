// What single tables demand of their rows beyond types: the registration tables above all; facts/dataverse.md §1.1, §11.

import { invalidArgument, notImitated, requiredFieldMissing } from "../errors.js";
import type { Value } from "../model/column.js";
import { own } from "../own.js";
import type { Session } from "../session.js";
import type { After } from "./computed.js";
import type { Values } from "./parse-payload.js";

/** Checks and completes the values of one write; `after` reads the row as it will be. */
type TableRule = (session: Session, values: Values, after: After, isNew: boolean) => void;

const idOf = (value: Value): string | undefined =>
  typeof value === "object" && value !== null && "id" in value ? value.id : undefined;

const checkEndpoint: TableRule = (session, values, after) => {
  if (after("contract") !== 8) throw notImitated("service endpoints other than webhooks (contract 8)");
  const url = after("url");
  if (typeof url !== "string" || !URL.canParse(url) || !/^https?:/.test(url)) {
    throw invalidArgument("The webhook URL is not a valid absolute http or https URL.");
  }
  if (session.org.switches.webhookPorts !== "any" && !["", "80", "443"].includes(new URL(url).port)) {
    throw invalidArgument("The webhook URL may only use port 80 or 443.");
  }
  if (after("authtype") === null) throw requiredFieldMissing("The authtype of a webhook is required.");
  if (![4, 5, 6].includes(Number(after("authtype"))))
    throw invalidArgument("The authtype of a webhook must be 4, 5 or 6.");
  if (values.has("authvalue")) values.set("isauthvalueset", values.get("authvalue") !== null);
};

/** Messages this simulator raises. A step on another one would wait for ever: refused. */
const RAISED = new Set(["Create", "Update", "Delete", "Merge"]);

const checkStep: TableRule = (session, _values, after, isNew) => {
  const { database } = session.org;
  const filterId = idOf(after("sdkmessagefilterid"));
  const messageId = idOf(after("sdkmessageid"));
  const endpoint = idOf(after("eventhandler"));
  if (isNew && endpoint === undefined) throw requiredFieldMissing("A step needs an event handler.");
  if (messageId === undefined) throw requiredFieldMissing("A step needs a message (sdkmessageid).");
  const message = String(database.rows("sdkmessage").get(messageId)?.name);
  if (!RAISED.has(message)) throw notImitated(`steps on the message ${message}`);
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
