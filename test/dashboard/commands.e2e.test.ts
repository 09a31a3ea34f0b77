import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Listening } from '../../src/http/listen.ts';
import type { Daemon } from '../../src/index.ts';
import { openConnections } from '../../src/inspect/connections.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { openChromium } from '../support/chromium.ts';
import { openPage, serveDashboard, TOKEN } from '../support/dashboard.ts';
import { untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

/** Texts that the projection of this name cannot apply, until the test removes them. */
const faults = new Map<string, Set<string>>();

/** A projection that writes a row for each event into a table of its own name. */
function ledgerOf(name: string) {
  faults.set(name, new Set());
  return createLedger({
    name,
    handle: ({ payload: { text } }, row) => {
      if (faults.get(name)?.has(text) === true) throw new Error(`${name} cannot read ${text}`);
      return row;
    },
  }).projection;
}

const NAMES = ['seen', 'mouse', 'keys', 'skipped', 'tried', 'stuck', 'paused', 'reset', 'steady'] as const;
const BROKEN = ['mouse', 'keys', 'skipped', 'tried', 'stuck'] as const;
const browser: Browser | null = await openChromium();
let scene: Scene;
let daemon: Daemon;
let server: Listening;

describe.skipIf(browser === null)('the buttons of the dashboard, on a real daemon', () => {
  beforeAll(async () => {
    scene = await openScene(NAMES.map(ledgerOf));
    for (const name of BROKEN) faults.get(name)?.add(`${name}2`);
    for (const name of BROKEN) await scene.append(...noted(name, 1, 3));
    const hub = new Hub({ texts: false });
    daemon = await scene.start({ retries: 0, inspect: (event) => hub.observe(event) });
    server = await serveDashboard(daemon, { inspectors: openConnections(hub) });
  });
  afterAll(async () => {
    await browser?.close();
    await server.close(0);
    await scene[Symbol.asyncDispose]();
  });

  async function open(name = ''): Promise<Page> {
    if (browser === null) throw new Error('there is no browser');
    const { page, complaints } = await openPage(browser, `${server.url}/#token=${TOKEN}`);
    onTestFinished(() => expect(complaints).toEqual([]));
    if (name !== '') await page.getByRole('link', { name, exact: true }).click();
    return page;
  }

  const outcome = (page: Page) => page.getByRole('log', { name: 'Outcomes' });
  const rowsOf = async (name: string) => (await readLedger(scene.sql, name)).length;
  const total = async () => Number((await scene.sql<[{ n: bigint }]>`SELECT count(*) AS n FROM events`)[0].n);

  // Seen red with: RETRY sent without the token.
  test('a failed projection is listed first and recovers by mouse, and all its rows are there', async () => {
    await untilStatus(daemon, 'mouse', ({ state }) => state === 'failed');
    expect(await rowsOf('mouse')).toBe(1);
    const page = await open();
    await expect.poll(() => page.locator('tbody tr').first().getAttribute('data-state')).toBe('failed');
    await page.getByRole('button', { name: /^failed/ }).click();
    await page.getByRole('row', { name: /mouse/ }).click();

    await page.getByRole('heading', { name: /Failed at Noted, position 2/ }).waitFor();
    await page.getByText('mouse cannot read mouse2').first().waitFor();
    await page.getByLabel('State machine of mouse: it is in failed, halted').waitFor();

    faults.get('mouse')?.clear();
    await page.getByRole('button', { name: 'RETRY' }).click();
    await page.getByText('is applied once more, now').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    await outcome(page).getByText('RETRY of mouse: done').waitFor();
    await vi.waitFor(async () => expect(await rowsOf('mouse')).toBe(await total()), { timeout: 10_000, interval: 20 });
    await page.getByLabel('State machine of mouse: it is in live, waiting').waitFor();
    // The state arrives with the transition, the failure with the next poll of the status.
    await page.getByRole('heading', { name: /Failed at/ }).waitFor({ state: 'hidden' });
    await page.context().close();
  });

  // Seen red with: a dialog that does not set the focus.
  test('a failed projection recovers by keyboard alone', async () => {
    await untilStatus(daemon, 'keys', ({ state }) => state === 'failed');
    const page = await open();
    await page.getByRole('link', { name: 'keys', exact: true }).waitFor();
    const focused = () => page.evaluate<string>('document.activeElement?.textContent ?? ""');
    const tabTo = async (text: string) => {
      for (let presses = 0; presses < 60 && (await focused()) !== text; presses++) await page.keyboard.press('Tab');
      expect(await focused()).toBe(text);
    };
    await tabTo('keys');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /Failed at Noted/ }).waitFor();
    faults.get('keys')?.clear();
    await tabTo('RETRY');
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('Retry');
    await page.keyboard.press('Enter');
    await outcome(page).getByText('RETRY of keys: done').waitFor();
    expect(await focused()).toBe('RETRY');
    await vi.waitFor(async () => expect(await rowsOf('keys')).toBe(await total()), { timeout: 10_000, interval: 20 });
    await page.context().close();
  });

  // Seen red with: every outcome without an error announced as done.
  test('a RETRY that fails again is announced as a failure, with the error, and the notice stays', async () => {
    await untilStatus(daemon, 'stuck', ({ state }) => state === 'failed');
    const page = await open('stuck');
    await page.getByRole('button', { name: 'RETRY' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    const notice = outcome(page).locator('.notice').filter({ hasText: 'RETRY of stuck' });
    await notice.waitFor();
    expect(await notice.locator('p').textContent()).toMatch(
      /^RETRY of stuck: it failed again\. .*stuck cannot read stuck2/,
    );
    expect(await notice.getAttribute('data-kind')).toBe('refused');
    await page.context().close();
  });

  // Seen red with: a dry run that commits; a payload that the page builds from an earlier answer.
  test('the payload is shown as it is stored; Try it shows what would happen and changes nothing in the database', async () => {
    await untilStatus(daemon, 'tried', ({ state }) => state === 'failed');
    const stands = async () => [await readLedger(scene.sql, 'tried'), await scene.row('tried')];
    const before = await stands();
    const page = await open('tried');
    const shown = page.getByLabel('Payload', { exact: true });
    expect(await shown.count()).toBe(0);
    await page.getByRole('button', { name: 'Show payload' }).click();
    await expect.poll(async () => JSON.parse((await shown.textContent()) ?? '')).toEqual({ text: 'tried2' });

    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: 'The event fails with the present code too.' }).waitFor();
    expect(await page.locator('.try > .error').textContent()).toContain('tried cannot read tried2');
    faults.get('tried')?.clear();
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: /The event would be applied now/ }).waitFor();
    expect(await page.getByLabel('Statements').textContent()).toMatch(/INSERT INTO "?tried"? .*\n.*\$2 = 'tried2'/);
    expect(await page.getByLabel('Rows').textContent()).toMatch(/tried\n\+ position = \d+, text = tried2/);
    expect(await stands()).toEqual(before);
    await page.context().close();
  });

  // Seen red with: SKIP sent without its position.
  test('SKIP demands a reason, skips the failed event, keeps the reason, and the later events are applied', async () => {
    await untilStatus(daemon, 'skipped', ({ state }) => state === 'failed');
    const page = await open('skipped');
    await page.getByRole('button', { name: 'SKIP' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/The event at position \d+ \(Noted\) is passed over/).waitFor();
    await dialog.getByRole('button', { name: 'Skip the event' }).click();
    expect(await dialog.isVisible()).toBe(true);
    await page.getByLabel('Reason, for the record').fill('a band without a name');
    await dialog.getByRole('button', { name: 'Skip the event' }).click();
    await outcome(page)
      .getByText(/SKIP of skipped at \d+: done/)
      .waitFor();
    await vi.waitFor(async () => expect(await rowsOf('skipped')).toBe((await total()) - 1), {
      timeout: 10_000,
      interval: 20,
    });
    expect(await readLedger(scene.sql, 'skipped')).not.toContain('skipped2');
    const [kept] = await scene.sql<[{ reason: string }]>`
      SELECT skip_reason AS reason FROM projection_failures WHERE name = 'skipped'`;
    expect(kept.reason).toBe('a band without a name');
    // The projection is live, but its rows lack the event: the badge shows that as clearly as the state.
    await page.locator('.headline').getByText('1 skipped').waitFor();
    await page.getByRole('link', { name: 'Projectionist' }).click();
    await page
      .getByRole('row', { name: /skipped/ })
      .getByText('1 skipped')
      .waitFor();
    await page.context().close();
  });

  test('after PAUSE no event is applied, also no later one; RESUME applies them', async () => {
    await untilStatus(daemon, 'paused', ({ state }) => state === 'live');
    const page = await open('paused');
    await page.getByRole('button', { name: 'PAUSE' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await outcome(page).getByText('PAUSE of paused: done').waitFor();
    const before = await rowsOf('paused');
    await scene.append(...noted('later', 1, 5));
    await vi.waitFor(async () => expect(await rowsOf('steady')).toBe(await total()), { timeout: 10_000, interval: 20 });
    expect(await rowsOf('paused')).toBe(before);
    await page.locator('.headline').getByText('paused by an operator').waitFor();

    // The button is marked as disabled, and the test clicks it all the same.
    await page.getByRole('button', { name: 'PAUSE' }).click({ force: true });
    await outcome(page).getByText('PAUSE does nothing while paused is idle (paused).').waitFor();
    await page.getByRole('button', { name: 'RESUME' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    await vi.waitFor(async () => expect(await rowsOf('paused')).toBe(before + 5), { timeout: 10_000, interval: 20 });
    await page.context().close();
  });

  test('RESET names the table that it empties; Escape and Cancel change nothing; confirming empties and replays it', async () => {
    await untilStatus(daemon, 'reset', ({ state }) => state === 'live');
    await scene.sql`INSERT INTO reset (position, text) VALUES (-1, 'written by another client')`;
    const before = await rowsOf('reset');
    const { generation } = await scene.row('reset');
    const page = await open('reset');
    const dialog = page.getByRole('dialog', { name: 'Reset reset?' });

    await page.getByRole('button', { name: 'RESET' }).click();
    await dialog.getByText('Table reset is emptied at once').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'RESET' }).click();
    // `Cancel` has the focus, so Enter cancels.
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    expect([await rowsOf('reset'), (await scene.row('reset')).generation]).toEqual([before, generation]);

    await page.getByRole('button', { name: 'RESET' }).click();
    await dialog.getByRole('button', { name: 'Empty and replay' }).click();
    await outcome(page).getByText('RESET of reset: done').waitFor();
    await vi.waitFor(async () => expect(await rowsOf('reset')).toBe(await total()), { timeout: 10_000, interval: 20 });
    expect((await scene.row('reset')).generation).toBe(generation + 1n);
    expect(await readLedger(scene.sql, 'reset')).not.toContain('written by another client');
    await page.context().close();
  });

  // Seen red with: the socket not opened; polling alone never sees a state that lasts for milliseconds.
  test('each transition of a RESET is shown as it happens, and moves along the lines of the statechart', async () => {
    await untilStatus(daemon, 'seen', ({ state }) => state === 'live');
    const page = await open();
    // The stored transitions would show the same a second later.
    await page.route('**/transitions*', (route) => route.abort());
    await page.getByRole('link', { name: 'seen', exact: true }).click();
    await page.getByLabel('State machine of seen: it is in live, waiting').waitFor();
    await page.getByText('Each transition is shown as it happens.').waitFor();
    const moved = page.waitForSelector('.chart .pulse', { state: 'attached' });
    await daemon.send('seen', 'RESET');
    await moved;
    const steps = page.getByLabel('Transitions').locator('li');
    await expect
      .poll(async () => (await steps.allTextContents()).reverse().map((text) => text.slice('00:00:00'.length)))
      .toEqual([
        'resettingfrom live.waitingRESET',
        'catching-up.workingfrom resettingoperation ended',
        'live.waitingfrom catching-up.workingoperation ended',
      ]);
    await page.context().close();
  });

  // Seen red with: `acceptsToken` that is always true.
  test('without the token the page reads only, a command asks for the token, and a wrong token is refused at once', async () => {
    if (browser === null) throw new Error('there is no browser');
    const { page } = await openPage(browser, server.url);
    await page.getByText('Read only').waitFor();
    await page.getByRole('link', { name: 'steady', exact: true }).click();
    await page.getByRole('button', { name: 'PAUSE' }).click();
    const field = page.getByLabel('Token of the daemon');
    await field.fill('not-the-token');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByRole('alert').getByText("This is not the daemon's token.").waitFor();
    await page.getByText('Read only').waitFor();
    expect(await page.evaluate<number>('sessionStorage.length')).toBe(0);
    await field.fill(TOKEN);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByRole('button', { name: 'Forget token' }).waitFor();
    await page.context().close();
  });

  // Seen red with: `check` left out of the first answer.
  test('a token in the address that is not the daemon’s is refused when the page opens', async () => {
    if (browser === null) throw new Error('there is no browser');
    const { page } = await openPage(browser, `${server.url}/#token=of-the-daemon-before`);
    await page.getByRole('alert').getByText('The token of this tab is not the one of this daemon.').waitFor();
    await page.getByText('Read only').waitFor();
    await page.context().close();
  });

  test('the token is removed from the address at once, and is not in the history', async () => {
    const page = await open();
    expect(page.url()).toBe(`${server.url}/`);
    await page.getByRole('link', { name: 'steady', exact: true }).click();
    await page.goBack();
    expect(page.url()).not.toContain(TOKEN);
    await page.reload();
    await page.getByRole('button', { name: 'Forget token' }).waitFor();
    await page.context().close();
  });
});
