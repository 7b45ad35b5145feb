// Unbound functions of the Web API that the facts name.
import type { SimResponse } from "../sim/types.js";
import { attributeChangeHistory } from "./audit.js";
import { badQuery, ODataError } from "./errors.js";
import { makeTokenReader, parseNamedArguments } from "./odata/expression.js";
import { jsonResponse } from "./respond.js";
import { rolePrivileges } from "./security/requests.js";
import type { Session } from "./session.js";

const argumentsOf = (session: Session, argument: string): ReturnType<typeof parseNamedArguments> => {
  const aliases = new Map([...session.request.query].filter(([name]) => name.startsWith("@")));
  return parseNamedArguments(makeTokenReader(`${argument})`), aliases);
};

const complexContext = (session: Session, name: string): string =>
  `${session.apiUrl}/$metadata#Microsoft.Dynamics.CRM.${name}`;

function whoAmI(session: Session): SimResponse {
  const unit = session.org.database.rows("systemuser").get(session.caller.userId)?.businessunitid;
  return jsonResponse(session, 200, {
    "@odata.context": complexContext(session, "WhoAmIResponse"),
    BusinessUnitId: typeof unit === "object" && unit !== null && "id" in unit ? unit.id : null,
    UserId: session.caller.userId,
    OrganizationId: session.org.organizationId(),
  });
}

/** The snapshot is as old as the switch says, so that a client that trusts it finds out. */
function makeTotalRecordCount() {
  const snapshots = new Map<string, { atMs: number; count: number }>();
  return (session: Session, argument: string): SimResponse => {
    const { database, world, switches } = session.org;
    const names = argumentsOf(session, argument).get("EntityNames");
    if (!Array.isArray(names)) throw badQuery("The function RetrieveTotalRecordCount needs EntityNames.");
    const keys = names.map(({ value }) => String(value));
    const values = keys.map((name) => {
      if (!database.table(name)) throw new ODataError(404, "0x80060888", `Could not find an entity with name ${name}.`);
      const known = snapshots.get(name);
      if (known && world.now() - known.atMs < switches.totalRecordCountAgeMs) return known.count;
      const count = database.rows(name).size;
      snapshots.set(name, { atMs: world.now(), count });
      return count;
    });
    return jsonResponse(session, 200, {
      "@odata.context": complexContext(session, "RetrieveTotalRecordCountResponse"),
      EntityRecordCountCollection: { Count: keys.length, IsReadOnly: false, Keys: keys, Values: values },
    });
  };
}

/** The functions by name; each gets the text between its parentheses. */
export function makeFunctions(): Record<string, (session: Session, argument: string) => SimResponse> {
  return {
    WhoAmI: whoAmI,
    RetrieveTotalRecordCount: makeTotalRecordCount(),
    RetrieveAttributeChangeHistory: attributeChangeHistory,
    RetrieveRolePrivilegesRole: rolePrivileges,
  };
}
