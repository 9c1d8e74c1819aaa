/** Ctrl-C, heard by work that ends in its own time. */
export interface StopSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** The first Ctrl-C, or request to end, gives up what is being done, so that what was done before can be written; the next ends the process. */
export function stopOnSignal(): StopSignal {
  const controller = new AbortController();
  const stop = (): void => {
    release();
    controller.abort();
  };
  const release = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { signal: controller.signal, [Symbol.dispose]: release };
}
