// What the checks of Dynamics ask with, and what several of them want to know: asked once.

import type { DataverseClient } from "../../../shared/dataverse/client.js";
import { makeMetadataSource } from "../../../shared/dataverse/metadata.js";
import { type PreparedSettings, prepareSettings } from "../../../shared/flows/prepare-settings.js";
import type { Settings } from "../../../shared/settings/load.js";
import { busNameOf } from "../../dataverse/desired.js";
import {
  addressOf,
  busEndpoint,
  type DesiredEndpoint,
  type Endpoint,
  findEndpoint,
  webhookEndpoint,
} from "../../dataverse/endpoints.js";
import type { Documents } from "../documents.js";
import { once } from "../once.js";

/** What to ask with. `webhookUrl`: where the webhook must lead, if that is known. */
export interface DynamicsOptions {
  client: DataverseClient;
  settings: Settings;
  now(): number;
  documents(): Promise<Documents>;
  /** Of our registration, as for dataverse:apply. */
  name: string;
  webhookUrl: string | undefined;
  /** Of the app's application user, where that is not who is signed in. */
  clientId: string | undefined;
}

/** A service endpoint of ours that is there, and as it should be. */
export interface OurEndpoint {
  found: Endpoint;
  desired: DesiredEndpoint;
}

/** The options, and what is asked once for all checks. */
export interface DynamicsPorts extends DynamicsOptions {
  /** The mappings held against the metadata; change tracking is another check's. */
  prepared(): Promise<PreparedSettings>;
  /** Webhook and bus endpoint under our name, as far as they are there. */
  ourEndpoints(): Promise<readonly OurEndpoint[]>;
}

/** Makes them; asks nothing yet. */
export function makeDynamicsPorts(options: DynamicsOptions): DynamicsPorts {
  const { client, name, webhookUrl } = options;
  return {
    ...options,
    prepared: once(async () => {
      const { documents, language } = await options.documents();
      return prepareSettings(makeMetadataSource(client), documents, { language, tracking: false });
    }),
    ourEndpoints: once(async () => {
      const webhook = await findEndpoint(client, "webhook", name);
      const bus = await findEndpoint(client, "bus", busNameOf(name));
      return [
        ...(webhook
          ? [{ found: webhook, desired: webhookEndpoint({ name, url: webhookUrl ?? webhook.url ?? "", key: "" }) }]
          : []),
        ...(bus ? [{ found: bus, desired: busAsItIs(bus) }] : []),
      ];
    }),
  };
}

/** Nobody but Dynamics knows where the queue is. */
function busAsItIs(found: Endpoint): DesiredEndpoint {
  const queue = found.path ?? "";
  const namespace = addressOf(found).slice(0, -queue.length || undefined);
  return busEndpoint({ name: found.name, namespace, queue, sasName: found.saskeyname ?? "", sasKey: "" });
}
