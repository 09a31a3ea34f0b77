import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { NewEvent } from '../../src/index.ts';
import { NAMES_PER_SERIES } from './history/names.ts';
import { generateHistory, type HistoryEvent } from './history.ts';

export { events } from './events.ts';
export { projections } from './projections.ts';

/** The history of an empty store: always the same, over most of the year 2025. */
export function sample(options: { readonly events?: number } = {}): Generator<HistoryEvent> {
  return generateHistory({ seed: 1, events: options.events ?? 20_000, paceSeconds: 1_300 });
}

/**
 * Further events until `signal` is aborted. Each run has streams and band names of its own, so it can follow the sample
 * and earlier runs. The store sets the times.
 */
export async function* traffic({
  signal,
  perSecond = 5,
}: {
  readonly signal: AbortSignal;
  readonly perSecond?: number;
}): AsyncGenerator<NewEvent, void, undefined> {
  const meanMs = 1000 / perSecond;
  const history = generateHistory({
    seed: randomInt(2 ** 48 - 1),
    events: Number.POSITIVE_INFINITY,
    firstBand: randomInt(100, 20_000) * NAMES_PER_SERIES,
    start: new Date().toISOString(),
    paceSeconds: meanMs / 1000,
  });
  for (const { occurredAt: _, ...event } of history) {
    const waited = await pause(randomInt(1, Math.ceil(2 * meanMs) + 1), true, { signal }).catch(() => false);
    if (!waited) return;
    yield event;
  }
}
