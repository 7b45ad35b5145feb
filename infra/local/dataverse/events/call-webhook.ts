// One call of a webhook: a post, and one more after some statuses; facts/dataverse.md §1.7. Queueing and jobs are in deliver.ts.
import { toEndpointCall } from "./endpoint.js";
import type { DeliveryParts, Outcome } from "./outcome.js";

const RETRIED = new Set([502, 503, 504]);

async function post(
  { switches, world }: DeliveryParts,
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<Outcome & { status: number }> {
  const startedAt = world.now();
  const status = await world.post(url, headers, body, switches.webhookTimeoutMs);
  const answers = [status];
  if (status >= 200 && status < 300) return { status, answers };
  if (status !== 0) {
    const reason = `The webhook call failed because the http requests returned status ${status}.`;
    return { status, answers, code: "0x80050201", reason };
  }
  const timedOut = world.now() - startedAt >= switches.webhookTimeoutMs;
  return timedOut
    ? {
        ...{ status, answers, code: "0x80050202" },
        reason: "The webhook call failed because the http request timed out at client side.",
      }
    : { status, answers, code: "0x80050205", reason: "The webhook post request failed." };
}

/** Makes the call: posts, and posts once more after 502, 503 or 504. */
export async function callWebhook(
  parts: DeliveryParts,
  endpointId: string,
  headers: Record<string, string>,
  body: string,
): Promise<Outcome> {
  const { database, switches, world } = parts;
  const endpoint = database.rows("serviceendpoint").get(endpointId);
  if (!endpoint) return { answers: [], code: "0x80050205", reason: "The service endpoint does not exist any more." };
  const target = toEndpointCall(endpoint);
  if ("code" in target) return { answers: [], ...target };
  const all = { ...headers, ...target.headers };
  const first = await post(parts, target.url, all, body);
  if (!RETRIED.has(first.status)) return first;
  await new Promise<void>((resolve) => world.later(switches.webhookRetryAfterMs, resolve));
  const second = await post(parts, target.url, all, body);
  return { ...second, answers: [...first.answers, ...second.answers] };
}
