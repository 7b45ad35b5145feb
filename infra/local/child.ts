// What every process of the local runtime does: say when it is ready, and end with the process that started it.

import { stopMessage } from "./stop-message.js";

// Ends with the parent, by whatever death, and from the first moment on: a parent may die before its child is ready. Without a
// parent on an IPC channel `connected` is undefined.
process.on("disconnect", () => process.exit(0));
if (process.connected === false) process.exit(0);

/** Tells the parent (over IPC, when there is one) and the terminal that this process serves at `address`. */
export function announceReady(name: string, address: string): void {
  console.log(`${name} ready at ${address}`);
  process.send?.({ ready: true, name, address });
}

/** Runs `close` once on SIGINT, SIGTERM or the parent's message, then exits; a second one exits at once. */
export function closeOnSignal(close: () => Promise<void> | void): void {
  let closing = false;
  const end = (): void => {
    if (closing) process.exit(130);
    closing = true;
    Promise.resolve(close()).then(
      () => process.exit(process.exitCode ?? 0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  process.on("message", (message) => {
    if (message === stopMessage) end();
  });
}
