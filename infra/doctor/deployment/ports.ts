import { once } from "../once.js";
import type { AppAnswer, DeployedApp } from "./app.js";

/** What the checks of a deployment ask with. */
export interface DeploymentOptions {
  app: DeployedApp;
  now(): number;
  /** Version of this doctor. */
  ownVersion: string;
  /** Days that a delta token lives, as far as that is known. */
  tokenLifeDays(): Promise<number>;
}

/** The options, and what is asked once for all checks. */
export interface DeploymentPorts extends DeploymentOptions {
  health(): Promise<AppAnswer>;
  status(): Promise<AppAnswer>;
}

/** Makes them; asks nothing yet. */
export function makeDeploymentPorts(options: DeploymentOptions): DeploymentPorts {
  const { app } = options;
  return {
    ...options,
    health: once(() => app.ask("GET", "/health", { withKey: true })),
    status: once(() => app.ask("GET", "/control/status", { withKey: true })),
  };
}
