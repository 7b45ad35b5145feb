import { BindingError, ConflictError } from "../errors.js";
import type { Clock } from "../model/clock.js";
import type { Binding, BindingStore } from "../storage/binding.js";
import type { DynamicsSource } from "./ports.js";

/**
 * The binding of the stored state, made on the first run and compared on every later one. BindingError when the state belongs
 * to another organisation or Campaign instance, as after a copied environment: nothing may be written then.
 */
export async function verifyBinding(
  store: BindingStore,
  dynamics: Pick<DynamicsSource, "organizationId">,
  campaignTenant: string,
  clock: Pick<Clock, "now">,
): Promise<Binding> {
  const organizationId = await dynamics.organizationId();
  const binding =
    (await store.read()) ??
    (await createOnce(store, { organizationId, campaignTenant, createdAt: new Date(clock.now()).toISOString() }));
  if (binding.organizationId === organizationId && binding.campaignTenant === campaignTenant) return binding;
  throw new BindingError(
    `the stored state belongs to Dynamics organisation ${binding.organizationId} and Campaign instance ${binding.campaignTenant}, ` +
      `but the settings lead to ${organizationId} and ${campaignTenant}: correct DYNAMICS_URL or CAMPAIGN_TENANT, or give this deployment a storage account of its own`,
  );
}

async function createOnce(store: BindingStore, wanted: Parameters<BindingStore["create"]>[0]): Promise<Binding> {
  try {
    return await store.create(wanted);
  } catch (error) {
    const made = error instanceof ConflictError ? await store.read() : undefined;
    if (made) return made;
    throw error;
  }
}
