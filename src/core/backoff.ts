/**
 * Full jitter: a delay between 0 and a ceiling that doubles with each attempt, so that workers that lost the same database
 * do not reconnect at the same moment. In milliseconds; `attempt` counts from 1; `random` is in [0, 1).
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitter(
  attempt: number,
  options: { readonly baseMs: number; readonly capMs: number },
  random: number,
): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.floor(random * ceiling);
}

/** Longer than the longest backoff: an actor that lived so long died of a new cause, and its row of deaths starts afresh. */
export const HEALTHY_AFTER_MS = 60_000;

/** The number of this death in a row, from 1. A life of `healthyAfterMs` or more ends the row of earlier deaths. */
export function deathsInARow(before: number, livedMs: number, healthyAfterMs = HEALTHY_AFTER_MS): number {
  return livedMs >= healthyAfterMs ? 1 : before + 1;
}

/** Milliseconds until an actor that died is restarted. Never 0: a bug at its start would keep the process busy. */
export function respawnDelay(
  deaths: number,
  options: { readonly baseMs: number; readonly capMs: number },
  random: number,
): number {
  return 100 + fullJitter(deaths, options, random);
}
