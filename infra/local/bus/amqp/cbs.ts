import rhea from "rhea";
import type { BusCore } from "./peer.js";
import { parseAddress } from "./peer.js";
import type { Reply, Request, Responder } from "./request-response.js";

const answer = (code: number, description: string): Reply => ({
  application_properties: { "status-code": rhea.types.wrap_int(code), "status-description": description },
});

const isToken = ({ body, application_properties: properties }: Request): boolean =>
  typeof body === "string" && body !== "" && properties?.operation === "put-token";

/**
 * Takes the tokens a client puts for each link it opens. Any token is good: signatures are not checked, only that there is
 * one. The fault `{ "on": "authorize", "kind": "refuse" }` answers 401.
 */
export function makeTokenResponder(bus: BusCore): Responder {
  return (request, reply) => {
    const audience = String(request.application_properties?.name ?? "");
    const { name } = parseAddress(audience.replace(/\/\$management$/i, ""));
    if (!isToken(request)) reply(answer(400, "Not a put-token request."));
    else if (bus.faults.strike("authorize", name) !== undefined)
      reply(answer(401, "InvalidSignature: a fault was asked for."));
    else reply(answer(200, "OK"));
  };
}
