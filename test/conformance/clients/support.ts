// The published dynamics-web-api client, unmodified, signed in to a Dataverse simulator that lives as long as a test file.
import { type Config, DynamicsWebApi } from "dynamics-web-api";
import { afterAll, beforeAll } from "vitest";
import type { LOCAL_APPS } from "../../../infra/local/dataverse/options.js";
import { type Dataverse, startDataverse } from "../dataverse/simulator.js";

/** The parts of a row these tests look at. */
export type Row = Record<string, unknown> & { oDataContext?: string };

/** What the client throws for an answer of the service that is an error. */
export interface ServiceError {
  status: number;
  code: string;
  message: string;
}

/** Starts a simulator around the tests of a file. `api()` is the client of its integration user. */
export function useDataverse() {
  let dataverse: Dataverse;
  beforeAll(async () => {
    dataverse = await startDataverse();
  });
  afterAll(() => dataverse.close());
  const connect = (config: Config = {}, app: keyof typeof LOCAL_APPS = "integration"): DynamicsWebApi =>
    new DynamicsWebApi({
      serverUrl: dataverse.url,
      dataApi: { version: "9.2" },
      onTokenRefresh: () => dataverse.tokenOf(app),
      ...config,
    });
  let client: DynamicsWebApi | undefined;
  return {
    connect,
    dataverse: (): Dataverse => dataverse,
    api: (): DynamicsWebApi => {
      client ??= connect();
      return client;
    },
  };
}

/** Waits for a refusal and answers what the client makes of it; throws when there is none. */
export async function refusal(work: Promise<unknown>): Promise<ServiceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error("not refused");
  return error as ServiceError;
}
