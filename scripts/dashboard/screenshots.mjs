// Makes docs/screenshots: DanceFinder on a private PostgreSQL with live traffic, one event that cannot be applied, and a
// fleet of 200 that is invented. `npm run screenshots`; needs Chromium (CHROMIUM, else where Debian puts it).
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { many, serve } from './invented-fleet.mjs';

const MAIN = resolve('dist/src/cli/main.js');
const CONFIG = resolve('dist/examples/dancefinder/projectionist.config.js');
const TO = resolve('docs/screenshots');
const { CHROMIUM = '/usr/bin/chromium', PATH, HOME } = process.env;
/** So that the graphs have something to show. */
const WATCH_MS = 15_000;

/** A band without a name: the table wants one. */
const BAD_EVENT = {
  aggregateName: 'domain.Band',
  aggregateId: '0b5a6c8e-9f1d-4e0a-8c47-3d2b1a0f9e8d',
  sequenceNo: 1,
  name: 'BandCreated',
  occurredAt: '2025-10-28T04:45:00Z',
  payload: { name: null },
};

const folder = mkdtempSync(join(tmpdir(), 'screenshots-'));
const env = { PATH, HOME, PORT: '0', LOG_LEVEL: 'error', DAEMON_ID: 'dancefinder-1' };
const daemon = spawn(process.execPath, [MAIN, 'start', '--config', CONFIG, '--traffic'], { cwd: folder, env });
const ended = new Promise((done) => daemon.once('exit', done));
const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid?.() !== 0 });
try {
  mkdirSync(TO, { recursive: true });
  const url = await said(/^control (\S+)/m);
  await said(/4 live/);
  writeFileSync(join(folder, 'bad.ndjson'), `${JSON.stringify(BAD_EVENT)}\n`);
  await command('import', 'bad.ndjson');

  const page = await open(url, { width: 1280, height: 1170 });
  await page.locator('tr[data-state=failed][data-state] th a').click();
  await page
    .getByText(/halted/)
    .first()
    .waitFor();
  await page.waitForTimeout(WATCH_MS);
  await page.screenshot({ path: join(TO, 'projection.png') });

  await command('reset', 'userpreferences');
  await page.setViewportSize({ width: 1280, height: 400 });
  await page.getByRole('link', { name: /All projections/ }).click();
  await page.screenshot({ path: join(TO, 'list.png') });
  await page.context().close();

  const phone = await open(url, { width: 390, height: 844 }, 'dark');
  await phone.screenshot({ path: join(TO, 'phone.png') });
  await phone.context().close();

  const fleet = await serve({ projections: many(200), broker: { state: 'healthy', detail: null } });
  const crowd = await open(fleet.url, { width: 1280, height: 720 }, 'dark');
  await crowd.screenshot({ path: join(TO, 'many.png') });
  await crowd.context().close();
  await fleet.close();
} finally {
  await browser.close();
  daemon.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function open(url, viewport, colorScheme = 'light') {
  const context = await browser.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('tbody tr').first().waitFor();
  return page;
}

/** Waits until the daemon says this on stdout; the first group of it. */
function said(what) {
  return new Promise((resolve, reject) => {
    daemon.stdout.on('data', (chunk) => {
      said.text = (said.text ?? '') + chunk;
      const found = what.exec(said.text);
      if (found !== null) resolve(found[1]);
    });
    daemon.once('exit', () => reject(new Error(`the daemon ended: ${said.text}`)));
  });
}

async function command(...args) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env, stdio: 'inherit' });
  await new Promise((done) => child.once('exit', done));
}
