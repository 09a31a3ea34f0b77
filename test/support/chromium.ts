import { access, constants } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * The Chromium of this machine (CHROMIUM, else the usual paths), headless. The test file closes it at the end. Null, with
 * one line of output, where there is none: `describe.skipIf(browser === null)`.
 * @throws Error in CI when there is none
 */
export async function openChromium(): Promise<Browser | null> {
  const given = process.env['CHROMIUM'];
  const executablePath = await firstExecutable(given ? [given] : PLACES);
  if (executablePath === null) {
    if (process.env['CI'] === 'true')
      throw new Error('Chromium is missing: install it (Debian: apt-get install chromium)');
    process.stderr.write('skipped, needs Chromium: it is not installed on this machine\n');
    return null;
  }
  // Its sandbox refuses to run as root, as tests do in containers.
  const asRoot = process.getuid?.() === 0;
  return await chromium.launch({ executablePath, chromiumSandbox: !asRoot, args: ['--disable-dev-shm-usage'] });
}

async function firstExecutable(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}
