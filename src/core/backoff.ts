/**
 * Full jitter: anywhere between 0 and the doubled ceiling, so that many workers that lost the same database do not come
 * back at the same moment. Milliseconds; `attempt` counts from 1; `random` is in [0, 1).
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

/** Which death in a row this one is: after `healthyAfterMs` of life the earlier ones are forgotten. */
export function deathsInARow(before: number, livedMs: number, healthyAfterMs: number): number {
  return livedMs >= healthyAfterMs ? 1 : before + 1;
}
