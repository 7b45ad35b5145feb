// The simulator without its socket: IMS, gateway, engine and inspection over one instance (infra/local/campaign/README.md).

import type { SimCore, SimRequest, SimResponse, SimWorld } from "../sim/types.js";
import { runCommand } from "./commands.js";
import { makeCallCounter } from "./engine/calls.js";
import { answerCall } from "./engine/engine.js";
import { makeEventFileSchedule } from "./events/event-files.js";
import { makeOptOutSchedule } from "./events/opt-out-file.js";
import { stageDueEvents } from "./events/staging.js";
import { makeGateway } from "./gateway/gateway.js";
import { makeTokens } from "./gateway/tokens.js";
import { stateOf } from "./inspect.js";
import { makeInstance } from "./instance.js";
import { defaultInstance } from "./model/default-instance.js";
import type { InstanceConfiguration } from "./model/instance.js";
import { parseSettings } from "./settings.js";
import { openJournal } from "./store/journal.js";
import { EngineError, json, NotImitatedError, toErrorResponse } from "./wire/errors.js";

/** How an instance starts. All optional: switches that differ from their defaults, configuration, folder for the records. */
export interface CampaignOptions {
  settings?: Record<string, unknown>;
  configuration?: InstanceConfiguration;
  /** Records survive in this folder; without it they are gone with the process. */
  dataFolder?: string;
}

/**
 * Makes a Campaign instance. Everything is synchronous: two requests never interleave inside it.
 * Throws when settings, configuration or journal cannot be used.
 */
export function makeCampaignCore(world: SimWorld, options: CampaignOptions = {}): SimCore {
  const instance = makeInstance(parseSettings(options.settings ?? {}), options.configuration ?? defaultInstance, world);
  if (options.dataFolder !== undefined) {
    const journal = openJournal(options.dataFolder, (entry) => instance.store.replay(entry));
    instance.restore();
    instance.store.attach(journal);
  }
  const tokens = makeTokens(world, {
    get: () => Number(instance.store.document("tokenGeneration") ?? 0),
    set: (next) => instance.store.saveDocument("tokenGeneration", next),
  });
  const gateway = makeGateway(tokens);
  const calls = makeCallCounter();
  const schedules = [makeOptOutSchedule(instance), makeEventFileSchedule(instance)];
  const inspected = { instance, calls, gateway, tokens };

  function callEngine(request: SimRequest, organization: string, segments: string[]): SimResponse {
    let kind = `${request.method} unknown`;
    let response: SimResponse;
    try {
      const base = `${request.origin}/${organization}/campaign`;
      response = answerCall(instance, { request, base, segments }, (named) => {
        kind = named;
      });
    } catch (error) {
      if (error instanceof NotImitatedError) {
        response = json(501, { error_code: "501", message: `This simulator does not imitate ${error.message}.` });
      } else if (error instanceof EngineError) response = toErrorResponse(error, instance.settings);
      else throw error;
    }
    calls.count(kind, response.status >= 400);
    return response;
  }

  return {
    handle(request) {
      if (request.path === "/ims/token/v3") return tokens.issue(request, instance.settings);
      const admitted = gateway.admit(request, instance.settings, world.now());
      stageDueEvents(instance);
      return "segments" in admitted ? callEngine(request, admitted.organization, admitted.segments) : admitted;
    },
    state(set, query) {
      stageDueEvents(instance);
      return stateOf(inspected, set, query);
    },
    command(name, body) {
      const result = runCommand(inspected, name, body);
      for (const schedule of schedules) schedule.follow();
      return result;
    },
    reset() {
      instance.reset();
      gateway.reset();
      tokens.reset();
      calls.reset();
    },
    pattern: (path) => path.replaceAll(/\/@[A-Za-z0-9_-]+/g, "/*"),
  };
}
