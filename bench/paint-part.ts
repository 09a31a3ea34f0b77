import { openChromium } from '../test/support/chromium.ts';
import { type Figure, type Part, ratio } from './figures.ts';
import { serveFleet } from './paint.ts';
import { interleave, type Scale } from './parts.ts';
import type { BenchServer } from './server.ts';
import { TARGETS } from './targets.ts';

const FEW = 4;
const MANY = 1000;
/** Measurements of each side per round: one takes a short time and is easily disturbed. */
const PAINTINGS = 5;

/** How much longer the dashboard of a thousand projections takes to show its first rows than that of four. */
export async function paintPart(_: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const title = 'First rows of the dashboard';
  const browser = await openChromium();
  if (browser === null) return { title, about: 'Not measured: there is no Chromium (CHROMIUM).', figures: [] };
  try {
    await using small = await serveFleet(browser, FEW);
    await using large = await serveFleet(browser, MANY);
    for (const fleet of [small, large]) await fleet.paint();
    const [few, many] = await interleave(rounds * PAINTINGS, log, 'paint', [() => small.paint(), () => large.paint()]);
    const ofFew: Figure = { label: `${FEW} projections`, unit: 'ms', rounds: few };
    const ofMany: Figure = { label: `${MANY} projections`, unit: 'ms', rounds: many };
    return {
      title,
      about: `Chromium without a cache opens the page of a daemon of each kind in turn, ${PAINTINGS} times a round: from the start of the page until its first rows are painted.`,
      figures: [ofFew, ofMany, ratio(`${MANY} / ${FEW}`, ofMany, ofFew, TARGETS.paint)],
    };
  } finally {
    await browser.close();
  }
}
