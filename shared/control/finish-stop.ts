import type { ControlPorts } from "./ports.js";

/**
 * Ends the drain of a stopped workflow once its queue is empty, so that what was put off for later is held and not written after all. Called by
 * every sweep and by whoever asks for the status; twice is harmless.
 */
export async function finishStop({
  control,
  ingress,
}: Pick<ControlPorts, "control"> & { ingress: Pick<ControlPorts["ingress"], "queue"> }): Promise<void> {
  const { wanted, drain } = await control.current();
  if (wanted !== "stopped" || !drain) return;
  if ((await ingress.queue.depths(1)).size === 0) await control.endDrain();
}
