import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connect } from '../../src/postgres/pool.ts';
import { untilApplied } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

const { projection } = createLedger({ name: 'ledger' });

let scene: Scene;
beforeAll(async () => {
  scene = await openScene([projection]);
});
afterAll(() => scene[Symbol.asyncDispose]());

// Seen red with: `locks` left out of `pageSettings` (status shows nothing, then "canceling statement due to lock
// timeout"), `error.message = …` left out of LockWatch (the error does not name the holder), and `#warn` (no log line).
test('the holder of the lock for which a page waits is named in status, in the log, and in the error of the page', async () => {
  const lines: { readonly fields: unknown; readonly text: string | undefined }[] = [];
  const note = (fields: object, text?: string): void => void lines.push({ fields, text });
  const log = { debug: () => undefined, info: () => undefined, warn: note, error: note };
  const daemon = await scene.start({ log });
  await scene.append(...noted('a', 1, 1));
  await untilApplied(daemon, scene.sql);
  const other = connect({ address: { url: scene.database.url }, applicationName: 'nightly report', max: 1 });
  const detail = async () => (await daemon.status())[0]?.detail;
  await other.begin(async (holder) => {
    const [{ pid }] = await holder<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
    await holder`LOCK TABLE ledger IN SHARE MODE`;
    await scene.append(...noted('a', 2, 1));
    const who = new RegExp(`in the way: pid ${pid} \\(nightly report, idle in transaction, for \\d+ s\\)`);
    const within = { timeout: 15_000, interval: 50 };
    await vi.waitFor(async () => expect(await detail()).toMatch(/^its page waits for a lock; /), within);
    expect(lines).toContainEqual({
      fields: { projection: 'ledger', holders: expect.stringMatching(`^pid ${pid} \\(nightly report, `) },
      text: 'a page waits for a lock',
    });
    await vi.waitFor(async () => expect(await detail()).toMatch(/lock timeout/), within);
    expect(await detail()).toMatch(who);
  });
  await untilApplied(daemon, scene.sql);
  expect(await detail()).toBeNull();
  await other.end();
});
