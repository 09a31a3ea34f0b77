// Makes docs/screenshots: DanceFinder on a private PostgreSQL with live traffic and one event that cannot be applied, and a
// generated fleet of 200 projections. `npm run screenshots` needs Chromium (from CHROMIUM, else from Debian's path).
// `npm run screenshots -- --all FOLDER` writes a picture of every state of the page, in both themes and widths, for review.
// `--only list --only real` limits that to the pictures whose names begin so.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { startDancefinder } from './dancefinder.mjs';
import { paintGallery } from './gallery.mjs';
import { many, serve } from './invented-fleet.mjs';

const { values } = parseArgs({
  options: { all: { type: 'string' }, only: { type: 'string', multiple: true, default: [] } },
});
const { CHROMIUM = '/usr/bin/chromium' } = process.env;
/** Time in which the graphs collect values. */
const WATCH_MS = 15_000;

const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid?.() !== 0 });
try {
  if (values.all === undefined) await paintDocs(resolve('docs/screenshots'));
  else await paintGallery(browser, resolve(values.all), values.only);
} finally {
  await browser.close();
}

async function paintDocs(to) {
  mkdirSync(to, { recursive: true });
  const dancefinder = await startDancefinder();
  try {
    await dancefinder.fail();
    const page = await open(dancefinder.url, { width: 1280, height: 1170 });
    await page.locator('tr[data-state=failed][data-state] th a').click();
    await page
      .getByText(/halted/)
      .first()
      .waitFor();
    await page.waitForTimeout(WATCH_MS);
    await page.screenshot({ path: join(to, 'projection.png') });

    await dancefinder.command('reset', 'userpreferences');
    await page.setViewportSize({ width: 1280, height: 400 });
    await page.getByRole('link', { name: /All projections/ }).click();
    await page.screenshot({ path: join(to, 'list.png') });
    await page.context().close();

    const phone = await open(dancefinder.url, { width: 390, height: 844 }, 'dark');
    await phone.screenshot({ path: join(to, 'phone.png') });
    await phone.context().close();
  } finally {
    await dancefinder.stop();
  }
  const fleet = await serve({ projections: many(200), broker: { state: 'healthy', detail: null } });
  const crowd = await open(fleet.url, { width: 1280, height: 720 }, 'dark');
  await crowd.screenshot({ path: join(to, 'many.png') });
  await crowd.context().close();
  await fleet.close();
}

async function open(url, viewport, colorScheme = 'light') {
  const context = await browser.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('tbody tr').first().waitFor();
  return page;
}
