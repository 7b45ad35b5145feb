// What every process of the local runtime does: say when it is ready, and end with the process that started it.

/**
 * Tells the parent (over IPC, when there is one) and the terminal that this process serves at `address`.
 * From then on the process ends when its parent does, by whatever death: nothing is left running.
 */
export function announceReady(name: string, address: string): void {
  console.log(`${name} ready at ${address}`);
  if (process.send) {
    process.send({ ready: true, name, address });
    process.on("disconnect", () => process.exit(0));
  }
}

/** Runs `close` once on SIGINT or SIGTERM, then exits; a second signal exits at once. */
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
}
