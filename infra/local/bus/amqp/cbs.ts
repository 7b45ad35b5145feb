import rhea from "rhea";
import { malformed, statusOf } from "./failures.js";
import { type BusCore, nameAt, type Peer } from "./peer.js";
import { makeRoad, perform } from "./perform.js";
import type { Reply, Request, Responder } from "./request-response.js";
import type { AmqpFailure } from "./rhea-internals.js";

const toReply = (failure: AmqpFailure | undefined): Reply => ({
  application_properties: {
    "status-code": rhea.types.wrap_int(failure === undefined ? 200 : statusOf(failure)),
    "status-description": failure?.description ?? "OK",
    ...(failure && { "error-condition": rhea.types.wrap_symbol(failure.condition) }),
  },
});

const isToken = ({ body, application_properties: properties }: Request): boolean =>
  typeof body === "string" && body !== "" && properties?.operation === "put-token";

/** Takes the tokens a client puts for each link it opens. Any token is good: signatures are not checked, only that there is one. */
export function makeTokenResponder(bus: BusCore, peer: Peer): Responder {
  const road = makeRoad(bus, peer);
  return (request, reply) => {
    const audience = String(request.application_properties?.name ?? "");
    perform(bus, peer, road, {
      operation: "authorize",
      queue: nameAt(bus, audience.replace(/\/\$management$/i, "")),
      work: () => (isToken(request) ? undefined : malformed("Not a put-token request.")),
      answer: (failure) => reply(toReply(failure)),
    });
  };
}
