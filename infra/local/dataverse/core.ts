// The Dataverse simulator without its socket: puts the parts together, and is what a test in process talks to.

import { makeRandom } from "../sim/random.js";
import type { SimCore, SimRequest, SimResponse, SimWorld } from "../sim/types.js";
import { type CallerContext, readCaller } from "./auth/caller.js";
import { answerToken, readToken, tenantOfTokenPath } from "./auth/token.js";
import { countOperations } from "./batch/run-batch.js";
import { bootstrap } from "./bootstrap.js";
import { makeCommands } from "./commands.js";
import { badQuery, ODataError, toErrorResponse } from "./errors.js";
import { makeDeliveryService } from "./events/deliver.js";
import { makeDeliveryFaults } from "./events/delivery-faults.js";
import { makeEventPipeline } from "./events/pipeline.js";
import { makeFunctions } from "./functions.js";
import { plainRows, summarize } from "./inspect.js";
import { makeServiceProtection } from "./limits.js";
import { isGuid, makeGuid } from "./model/ids.js";
import { readPreferences } from "./odata/preferences.js";
import { isWebApiPath } from "./odata/resource-path.js";
import { type App, type DataverseOptions, DEFAULT_OPTIONS, switchesSchema } from "./options.js";
import { makeRouter } from "./router.js";
import type { Organisation, Session } from "./session.js";
import { makeColumnVersions } from "./store/column-versions.js";
import { makeDatabase } from "./store/database.js";
import { type Journal, NO_JOURNAL } from "./store/journal.js";

/** The core, and what its process needs besides. */
export interface DataverseCore extends SimCore {
  /** Takes up webhook calls and bus messages that were pending when the last process died. Call once it listens. */
  resume(): void;
}

/** Runs what it is given one after another: there is one transaction at a time. */
function makeExclusive(): <T>(run: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = last.then(run);
    last = result.catch(() => undefined);
    return result;
  };
}

/** Makes a simulator; with a journal it goes on where the last one with that journal stopped. */
export function makeDataverseCore(
  world: SimWorld,
  given: Partial<DataverseOptions> = {},
  journal: Journal = NO_JOURNAL,
): DataverseCore {
  const options: DataverseOptions = { ...DEFAULT_OPTIONS, ...given };
  const database = makeDatabase(journal);
  const switches = switchesSchema.parse(options.switches);
  const exclusively = makeExclusive();
  const change: Organisation["change"] = (run) =>
    exclusively(async () => {
      const tx = database.begin();
      try {
        const result = await run(tx);
        tx.commit();
        return result;
      } catch (error) {
        tx.rollback();
        throw error;
      }
    });
  const faults = makeDeliveryFaults(world);
  const deliveries = makeDeliveryService({ database, switches, world, faults, exclusively });
  const protection = makeServiceProtection(switches);
  const route = makeRouter(makeFunctions());
  let origin = "http://127.0.0.1";
  const org: Organisation = {
    database,
    options,
    switches,
    world,
    events: makeEventPipeline(database, deliveries),
    columnVersions: makeColumnVersions(),
    change,
    replaceWith(entries) {
      deliveries.reset();
      database.clear();
      for (const entry of entries) database.apply(entry);
      database.kept("delivery").clear();
      journal.rewrite(database.dump());
    },
    makeId: () => makeGuid(random),
    origin: () => origin,
    organizationId: () => String(database.kept("setting").get("organizationId")),
  };

  // Seeded by the version too: a restarted simulator must not give out ids it has given out before.
  let random = makeRandom(1);
  const reseed = (): void => {
    random = makeRandom(Math.floor(world.random() * 4_294_967_296) + database.version());
  };

  const entries = journal.replay(database.apply);
  if (entries === 0) bootstrap(database, options, world.now());
  else {
    Object.assign(switches, database.kept("setting").get("switches"));
    // What was changed often is written once.
    if (entries > 2 * database.tables().reduce((sum, { name }) => sum + database.rows(name).size, 0) + 10_000)
      journal.rewrite(database.dump());
  }

  reseed();

  const callerContext = (): CallerContext => ({
    database,
    apps: options.apps,
    tenantId: options.tenantId,
    nowMs: world.now(),
    revokedBeforeSeconds: Number(database.kept("setting").get("tokensRevokedBefore") ?? 0),
  });

  const makeSession = (request: SimRequest, version: string): Session => {
    const preferences = readPreferences(request.headers.prefer);
    const correlation =
      request.headers["x-ms-correlation-request-id"] ?? request.headers["x-ms-client-request-id"] ?? "";
    return {
      org,
      request,
      caller: readCaller(request, callerContext()),
      preferences,
      apiUrl: `${request.origin}/api/data/${version}`,
      correlationId: isGuid(correlation) ? correlation : org.makeId(),
      requestId: org.makeId(),
      tag: request.query.get("tag") ?? undefined,
      contentIds: new Map(),
    };
  };

  const userOf = (request: SimRequest): string => {
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    return (token === undefined ? undefined : readToken(token)?.appid) ?? "anonymous";
  };

  const withLimitHeaders = (request: SimRequest, response: SimResponse): SimResponse => ({
    ...response,
    headers: { ...response.headers, ...protection.headers(userOf(request), world.now()) },
  });

  const toResponse = (request: SimRequest, error: unknown): SimResponse => {
    // What could not be decoded or parsed on the way is the request's fault.
    const isUnreadable = error instanceof URIError || error instanceof SyntaxError;
    const known = isUnreadable ? badQuery(`Bad Request - Error in query syntax: ${error.message}`) : error;
    if (!(known instanceof ODataError)) throw error;
    return toErrorResponse(known, /odata\.include-annotations="?[^"]*\*/.test(request.headers.prefer ?? ""));
  };

  let operations = 0;
  const takeTime = (ms: number): Promise<void> => new Promise((resolve) => world.later(ms, resolve));

  const handleApi = async (request: SimRequest): Promise<SimResponse> => {
    const count = countOperations(request);
    operations += count;
    // Before its turn: requests take their time side by side, transactions do not.
    if (switches.operationMs > 0) await takeTime(count * switches.operationMs);
    const [, version = "v9.2", path = ""] = /^\/api\/data\/(v9\.\d)\/?(.*)$/i.exec(request.path) ?? [];
    try {
      return withLimitHeaders(request, await route(makeSession(request, version), path));
    } catch (error) {
      return withLimitHeaders(request, toResponse(request, error));
    }
  };

  return {
    faults,
    handle(request) {
      origin = request.origin;
      const tenant = tenantOfTokenPath(request.path);
      if (tenant !== undefined) {
        const issuer = {
          apps: options.apps,
          secretsOf: ({ clientId, clientSecret }: App) =>
            (database.kept("secrets").get(clientId) as string[] | undefined) ?? [clientSecret],
          lifetimeSeconds: switches.tokenLifetimeSeconds,
          nowMs: world.now(),
          makeId: () => org.makeId(),
        };
        return answerToken(request, tenant, issuer);
      }
      if (isWebApiPath(request.path)) return handleApi(request);
      return {
        status: 404,
        headers: { "content-type": "text/html" },
        body: "<html><body>404 - not found</body></html>",
      };
    },
    enter(request) {
      if (!isWebApiPath(request.path)) return () => undefined;
      const user = userOf(request);
      const entered = protection.enter(user, world.now());
      if (entered instanceof ODataError) return withLimitHeaders(request, toErrorResponse(entered, false));
      return () => entered(world.now());
    },
    client: (request) => userOf(request),
    state(set, query) {
      if (set === "summary")
        return {
          ...summarize(database),
          operations,
          organizationId: org.organizationId(),
          webhooks: deliveries.statistics("webhook"),
          bus: deliveries.statistics("bus"),
        };
      if (set === "webhooks") return deliveries.statistics("webhook");
      if (set === "bus") return deliveries.statistics("bus");
      if (set === "switches") return switches;
      const table = database.tableOfSet(set);
      return table && plainRows(database, table, query.get("select")?.split(","));
    },
    command: makeCommands(org),
    reset: () =>
      exclusively(() => {
        deliveries.reset();
        faults.remove();
        protection.reset();
        database.clear();
        Object.assign(switches, switchesSchema.parse(options.switches));
        journal.rewrite([]);
        bootstrap(database, options, world.now());
      }),
    resume: () => deliveries.resume(),
  };
}
