/** What nobody caught in this process: each would have ended a daemon's. The test runner hears of it too. */
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
