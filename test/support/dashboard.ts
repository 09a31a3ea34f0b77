import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { DaemonPort } from '../../src/daemon/api.ts';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import type { Listening } from '../../src/http/listen.ts';

export const TOKEN = 'dashboard-token';
/** The folder that `npm run build` writes. */
const BUILT = new URL('../../dist/src/dashboard/assets/', import.meta.url);
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Records every violation of the page's policy, also those that the browser does not log. */
const LOG_VIOLATIONS = `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  console.error('forbidden by ' + violatedDirective + ': ' + blockedURI);
})`;

/** Serves the control API of this daemon on a free port, with the page of the last build. */
export async function serveDashboard(
  daemon: DaemonPort,
  more: Partial<Pick<ControlApiOptions, 'port' | 'inspectors'>> = {},
): Promise<Listening> {
  const own = { daemon, token: TOKEN, host: '127.0.0.1', port: 0, version: '1.2.3', log: LOG, dashboard: BUILT };
  return await createControlApi({ ...own, ...more }).listen();
}

/** A page in a new context, and the errors in it. The test closes `page.context()` at the end. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // The browser also logs responses such as 409. The tests check how the page shows them.
    const isAnswer = /Failed to load resource|WebSocket connection/.test(message.text());
    if (message.type() === 'error' && !isAnswer) complaints.push(message.text());
  });
  await page.addInitScript(LOG_VIOLATIONS);
  await page.goto(url);
  return { page, complaints };
}
