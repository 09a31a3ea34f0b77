import { expect, test, vi } from 'vitest';
import { untilCaughtUp } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { runCommand } from '../support/operators.ts';
import { capturingLog, openScene } from '../support/scene.ts';
import { openServed } from '../support/served.ts';

const ONE_HISTORY = 'an event names an instance: no projection is per instance yet, so all apply it as one history';

// Seen red with: `highWaterMark.passed` left out of page-reader.ts; `instanceEvents` left out of projection-routes.ts;
// `instanceLine` left out of status.ts; `this.#first` not kept (a line for each page).
test('a catch-up over events of instances is reported once in the log, and in status and API', async () => {
  const log = capturingLog();
  await using served = await openServed([createLedger().projection], { log, bulkLimit: 2 });
  const { scene } = served;
  const eu = noted('eu', 1, 3, { instanceId: 'eu' });
  const [, first] = await scene.append(...noted('a', 1, 1), ...eu, ...noted('us', 1, 2, { instanceId: 'us' }));
  const daemon = await served.start();
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toHaveLength(6);

  const instanceEvents = { instance: 'eu', eventName: 'Noted', position: String(first?.position) };
  expect(log.lines.filter(({ message }) => message === ONE_HISTORY)).toEqual([
    { level: 'warn', message: ONE_HISTORY, fields: instanceEvents },
  ]);
  const { said } = await runCommand(served.cwd, 'status', '--json');
  expect(JSON.parse(said)).toMatchObject({ instanceEvents });
  expect((await runCommand(served.cwd, 'status')).said).toContain(
    `\nevents of instances are applied as one history: Noted at position ${instanceEvents.position} is of 'eu'\n`,
  );
});

// Seen red with: `instances.add` left out of high-water-mark-cache.ts.
test('a live daemon notices an event of an instance that no projection handles', async () => {
  const log = capturingLog();
  await using scene = await openScene([createLedger().projection]);
  const daemon = await scene.start({ log });
  await untilCaughtUp(daemon, scene.sql);
  await scene.append(...noted('a', 1, 1));
  await untilCaughtUp(daemon, scene.sql);
  expect(daemon.instanceEvents()).toBeNull();
  const [event] = await scene.append(...noted('eu', 1, 1, { name: 'Unheard', instanceId: 'eu' }));
  const expected = { instance: 'eu', eventName: 'Unheard', position: String(event?.position) };
  await vi.waitFor(() => expect(daemon.instanceEvents()).toEqual(expected), { timeout: 10_000, interval: 10 });
  expect(log.lines).toContainEqual({ level: 'warn', message: ONE_HISTORY, fields: expected });
});
