import { expect, test, vi } from 'vitest';
import { untilStatus } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { openScene } from '../support/scene.ts';

const YEAR_SECONDS = 365 * 86_400;

// Seen red with: behindSeconds computed from the times of the events, as lagSeconds is.
test('an event of last year that arrived a moment ago has waited for a moment, not for a year', async () => {
  await using scene = await openScene([createLedger().projection]);
  await scene.append(
    ...noted('old', 1, 1, { occurredAt: new Date(Date.now() - 2 * YEAR_SECONDS * 1000).toISOString() }),
  );
  const daemon = await scene.start();
  await untilStatus(daemon, 'ledger', ({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  await daemon.send('ledger', 'PAUSE');
  await scene.append(...noted('new', 1, 1));
  const behind = await vi.waitFor(async () => {
    const [status] = await daemon.status();
    expect(status?.lagEvents).toBe(1);
    return status;
  });
  expect(behind?.lagSeconds).toBeGreaterThan(YEAR_SECONDS);
  expect(behind?.behindSeconds).toBeGreaterThanOrEqual(0);
  expect(behind?.behindSeconds).toBeLessThan(60);
  await daemon.send('ledger', 'RESUME');
  await untilStatus(daemon, 'ledger', ({ behindSeconds }) => behindSeconds === 0);
});
