/** Records the uncaught errors of this process, each of which would end the process of a daemon. The test runner gets them too. */
export function watchUncaught(): { readonly seen: readonly string[]; stop(): void } {
  const seen: string[] = [];
  const note = (error: unknown): void => void seen.push(String(error));
  process.on('unhandledRejection', note);
  process.on('uncaughtExceptionMonitor', note);
  return {
    seen,
    stop: () => {
      process.off('unhandledRejection', note);
      process.off('uncaughtExceptionMonitor', note);
    },
  };
}
