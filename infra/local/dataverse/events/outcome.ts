import type { SimWorld } from "../../sim/types.js";
import type { Switches } from "../options.js";
import type { Database } from "../store/database.js";

/** How a delivery ended; without a reason it succeeded. `answers` are the HTTP statuses (0 = none) or the bus's outcomes. */
export interface Outcome {
  answers: (number | string)[];
  /** Error code where the facts name one. */
  code?: string;
  reason?: string;
}

/** What it takes to deliver. */
export interface DeliveryParts {
  database: Database;
  switches: Switches;
  world: SimWorld;
}
