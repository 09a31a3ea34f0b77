// Takes a screenshot of every state of the page in both themes, in the width of a desktop and of a phone, for a review by eye.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startDancefinder } from './dancefinder.mjs';
import {
  BROKER_AWAY,
  CAPSULE,
  FAILED_TRY,
  FLEETS,
  GOOD_TRY,
  HISTORY,
  many,
  PASSED,
  PUBLISHER,
  serve,
} from './invented-fleet.mjs';

const LOOKS = [
  ['desktop-light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } }],
  ['desktop-dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }],
  ['phone-light', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ['phone-dark', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
];
/** Answers of the daemon that the graphs show. The page's clock runs minutes in one real second. */
const SAMPLES = 90;

const HEALTHY = { state: 'healthy', detail: null };
const details = { transitions: async () => HISTORY, failures: async () => PASSED, capsule: async () => CAPSULE };

/** Name of the picture, the fleet that is served, the projection that is opened, and the actions before the picture. */
const SCENES = [
  ...[1, 4, 200, 1000].flatMap((number) => [
    { name: `list-${number}`, serves: { projections: many(number), broker: HEALTHY }, whole: number < 200 },
    {
      name: `one-of-${number}`,
      serves: { projections: many(number), broker: HEALTHY, more: details },
      at: 0,
      whole: true,
    },
  ]),
  {
    name: 'catching-up',
    serves: { more: { ...details, status: FLEETS.catchingUp() } },
    at: 0,
    whole: true,
    samples: SAMPLES,
  },
  { name: 'resetting', serves: { projections: FLEETS.resetting }, at: 0, whole: true },
  { name: 'paused', serves: { projections: FLEETS.paused }, at: 0, whole: true },
  { name: 'no-projections', serves: { projections: [] } },
  {
    name: 'broker-away-list',
    serves: { projections: many(4), broker: BROKER_AWAY, publisher: PUBLISHER },
    whole: true,
  },
  { name: 'read-only', serves: { projections: many(4) }, readOnly: true, act: enterToken },
  { name: 'search-finds-nothing', serves: { projections: many(200) }, act: searchInVain },
  { name: 'one-state-only', serves: { projections: many(200) }, act: filterFailed },
  { name: 'daemon-gone-list', serves: { projections: many(4) }, act: goAway },
  { name: 'daemon-gone', serves: { projections: FLEETS.failed, more: details }, at: 0, act: goAway, whole: true },
  { name: 'long-list', serves: { projections: FLEETS.long, broker: BROKER_AWAY }, whole: true },
  { name: 'long', serves: { projections: FLEETS.long, broker: BROKER_AWAY, more: details }, at: 0, whole: true },
  {
    name: 'failed-payload',
    serves: { projections: FLEETS.failed, more: details },
    at: 0,
    act: showPayload,
    whole: true,
  },
  ...[
    ['failed-try-fails', FAILED_TRY],
    ['failed-try-works', GOOD_TRY],
  ].map(([name, report]) => ({
    name,
    serves: { projections: FLEETS.failed, more: { ...details, tryFailed: async () => report } },
    at: 0,
    act: tryIt,
    whole: true,
  })),
  { name: 'asks-pause', serves: { projections: many(4) }, at: 1, act: press('PAUSE') },
  { name: 'asks-resume', serves: { projections: FLEETS.paused }, at: 0, act: press('RESUME') },
  { name: 'asks-retry', serves: { projections: FLEETS.failed }, at: 0, act: press('RETRY') },
  { name: 'asks-skip', serves: { projections: FLEETS.failed }, at: 0, act: press('SKIP') },
  { name: 'asks-reset', serves: { projections: FLEETS.failed }, at: 0, act: press('RESET') },
  { name: 'outcomes', serves: { projections: FLEETS.failed, more: details }, at: 0, act: haveTwoOutcomes },
];

/** @param only prefixes of names; an empty list means every picture */
export async function paintGallery(browser, to, only) {
  mkdirSync(to, { recursive: true });
  const isWanted = (name) => only.length === 0 || only.some((beginning) => name.startsWith(beginning));
  for (const scene of SCENES.filter(({ name }) => isWanted(name))) {
    for (const [look, options] of LOOKS) {
      const server = await serve(scene.serves);
      const url = scene.readOnly ? server.base : server.url;
      const page = await open(browser, url, options, scene);
      await scene.act?.(page, server);
      await page.screenshot({ path: join(to, `${scene.name}.${look}.png`), fullPage: scene.whole === true });
      await page.context().close();
      await server.close();
    }
    console.log(scene.name);
  }
  if (isWanted('real')) await paintReal(browser, to);
}

async function open(browser, url, options, { at, samples = 0, serves }) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  if (samples > 0) await page.clock.install();
  await page.goto(url);
  // The clock of the page is stopped until the script advances it.
  if (samples > 0) await page.clock.runFor(1000);
  const isEmpty = serves.projections?.length === 0;
  await (isEmpty ? page.getByText('has no projections') : page.locator('tbody tr').first()).waitFor();
  if (at !== undefined) {
    await page.locator('tbody th a').nth(at).click();
    await page.locator('.chart').waitFor();
  }
  for (let taken = 0; taken < samples; taken++) {
    const answer = page.waitForResponse('**/projections');
    await page.clock.runFor(1100);
    await answer;
  }
  // The page requests the history a moment after it has opened.
  if (at !== undefined && samples === 0) await page.waitForTimeout(300);
  return page;
}

/** The pictures that need a running daemon: a failure with its payload and dry run, and a change of state. */
async function paintReal(browser, to) {
  const dancefinder = await startDancefinder();
  try {
    await dancefinder.fail();
    for (const [look, options] of LOOKS) {
      const take = (page, name) => page.screenshot({ path: join(to, `real-${name}.${look}.png`), fullPage: true });
      const page = await open(browser, dancefinder.url, options, { serves: {} });
      await take(page, 'list');
      await page.locator('tbody tr[data-state=failed] th a').click();
      await page.getByRole('heading', { name: /Failed at/ }).waitFor();
      await tryIt(page);
      await page.waitForTimeout(5000);
      await take(page, 'failed');
      await page.goto(`${new URL(dancefinder.url).origin}/#/event`);
      await page.getByLabel(/it is in live/).waitFor();
      await page.waitForTimeout(3000);
      const moving = page.waitForSelector('.chart .pulse', { state: 'attached' });
      await page.getByRole('button', { name: 'RESET' }).click();
      await page.getByRole('button', { name: 'Empty and replay' }).click();
      await moving;
      await page.waitForTimeout(350);
      await take(page, 'moving');
      await page.context().close();
      console.log(`real ${look}`);
    }
  } finally {
    await dancefinder.stop();
  }
}

async function enterToken(page) {
  await page.getByRole('button', { name: 'Enter token' }).click();
}

async function searchInVain(page) {
  await page.getByLabel('Search projections').fill('no such projection');
}

async function filterFailed(page) {
  await page.getByRole('button', { name: /^failed/ }).click();
}

async function goAway(page, server) {
  await server.close();
  await page.getByRole('alert').waitFor();
}

async function showPayload(page) {
  await page.getByRole('button', { name: 'Show payload' }).click();
  await page.getByLabel('Payload', { exact: true }).waitFor();
}

async function tryIt(page) {
  await page.getByRole('button', { name: 'Try it' }).click();
  await page.getByLabel('Payload', { exact: true }).waitFor();
}

function press(order) {
  return async (page) => {
    await page.getByRole('button', { name: order, exact: true }).click();
    await page.getByRole('dialog').waitFor();
  };
}

async function haveTwoOutcomes(page) {
  await page.getByRole('button', { name: 'RESUME' }).click({ force: true });
  await press('RETRY')(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
  await page.getByText('RETRY of').waitFor();
}
