import type { Browser } from 'playwright-core';
import type { ProjectionStatus } from '../src/core/status.ts';
import { createControlApi } from '../src/http/control-api.ts';
import { openConnections } from '../src/inspect/connections.ts';
import { Hub } from '../src/inspect/hub.ts';
import { FakeDaemon, statusOf } from '../test/http/fake-daemon.ts';
import { startMachines } from './inspect.ts';

/** Milliseconds from the start of the page until its first rows are on the screen, as `painted`. */
const NOTE_PAINTED = `globalThis.painted = new Promise((painted) => {
  new MutationObserver((_, observer) => {
    if (document.querySelector('tbody tr') === null) return;
    observer.disconnect();
    // A message that is posted in a frame is received after the frame was painted.
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => painted(performance.now());
      port2.postMessage(null);
    });
  }).observe(document, { childList: true, subtree: true });
})`;

/** A page that shows `count` projections, and its server. */
export interface PaintedFleet extends AsyncDisposable {
  /** Opens the page with an empty cache. @returns milliseconds until its first rows are painted */
  paint(): Promise<number>;
}

export async function serveFleet(browser: Browser, count: number): Promise<PaintedFleet> {
  const daemon = new FakeDaemon();
  daemon.statuses = Array.from({ length: count }, (_, index) => oneOf(index));
  const hub = new Hub();
  const machines = startMachines(count, hub.observe);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const server = await createControlApi({
    daemon,
    token: 'bench',
    host: '127.0.0.1',
    port: 0,
    version: '0.0.0',
    log,
    inspectors: openConnections(hub),
  }).listen();
  return {
    async paint() {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      try {
        const page = await context.newPage();
        await page.addInitScript(NOTE_PAINTED);
        await page.goto(`${server.url}/#token=bench`);
        return Number(await page.evaluate('globalThis.painted'));
      } finally {
        await context.close();
      }
    },
    [Symbol.asyncDispose]: async () => {
      machines.stop();
      await server.close(0);
    },
  };
}

/** Most projections are live; of every fifty one has failed and some catch up. */
function oneOf(index: number): ProjectionStatus {
  const name = `projection_${index}`;
  if (index % 50 === 1)
    return statusOf(name, {
      state: 'failed',
      substate: 'failed.halted',
      cursor: '1000041',
      head: '1400042',
      lagEvents: 400_001,
      lagSeconds: 86_400,
      behindSeconds: 86_400,
      failure: {
        eventId: '00000000-0000-4000-8000-000000000001',
        position: '1000042',
        eventName: 'BandCreated',
        attempts: 6,
        error: 'null value in column "name" of relation "band" violates not-null constraint',
        sqlstate: '23502',
        code: null,
        statement: 'INSERT INTO "band" ("id", "name", "created") VALUES ($1, $2, $3)',
        at: '2026-01-02T03:04:05.000Z',
      },
    });
  if (index % 10 !== 2) return statusOf(name, { cursor: '1400042', head: '1400042' });
  return statusOf(name, {
    state: 'catching-up',
    substate: 'catching-up.working',
    cursor: String(1_000 * index),
    head: '1400042',
    lagEvents: 1_400_042 - 1_000 * index,
    ratePerSecond: 12_345,
    etaSeconds: 90,
  });
}
