// Errors as the Web API answers them; facts/dataverse.md §13. What each check is about is where it is thrown.
import type { SimResponse } from "../sim/types.js";

/** An error answer. `code` is the eight-digit hex text, or "". */
export class ODataError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Something the real product does and this simulator does not: said, never faked. */
export const notImitated = (what: string): ODataError =>
  new ODataError(501, "", `The Dataverse simulator does not imitate ${what}.`);

export const objectDoesNotExist = (table: string, id: string): ODataError =>
  new ODataError(404, "0x80040217", `${table} With Id = ${id} Does Not Exist`);

export const segmentNotFound = (segment: string): ODataError =>
  new ODataError(404, "0x80060888", `Resource not found for the segment '${segment}'.`);

export const noSuchProperty = (name: string, table: string): ODataError =>
  new ODataError(
    400,
    "0x80060888",
    `Could not find a property named '${name}' on type 'Microsoft.Dynamics.CRM.${table}'.`,
  );

/** A body the Web API cannot read: unknown property, wrong type, bad bind. */
export const payloadError = (setName: string, detail: string): ODataError =>
  new ODataError(
    400,
    "0x80048d19",
    `Error identified in Payload provided by the user for Entity :'${setName}', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.OData.ODataException: ${detail}`,
  );

export const badQuery = (message: string): ODataError => new ODataError(400, "0x80060888", message);
export const invalidArgument = (message: string): ODataError => new ODataError(400, "0x80040203", message);
export const requiredFieldMissing = (message: string): ODataError => new ODataError(400, "0x80040200", message);

export const duplicateRecord = (): ODataError =>
  new ODataError(412, "0x80040237", "Operation failed due to a SQL integrity violation.");

export const versionMismatch = (): ODataError =>
  new ODataError(
    412,
    "0x80060882",
    "The version of the existing record doesn't match the RowVersion property provided.",
  );

/** The answer for any thrown error; `annotated` adds the error details that `odata.include-annotations="*"` asks for. */
export function toErrorResponse(error: ODataError, annotated: boolean): SimResponse {
  const details = annotated
    ? {
        "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus": "0",
        "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode": error.code,
        "@Microsoft.PowerApps.CDS.HelpLink": `http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a${error.code.slice(2)}`,
        "@Microsoft.PowerApps.CDS.TraceText": error.message,
        "@Microsoft.PowerApps.CDS.InnerError.Message": error.message,
      }
    : {};
  const empty = error.status === 401;
  return {
    status: error.status,
    headers: {
      ...(empty ? {} : { "content-type": "application/json; odata.metadata=minimal" }),
      "odata-version": "4.0",
      ...error.headers,
    },
    body: empty ? "" : JSON.stringify({ error: { code: error.code, message: error.message, ...details } }),
  };
}
