import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/http/metrics/metric-definition.ts';
import { METRICS, render } from '../../src/http/metrics/metric-registry.ts';
import { readScrape } from '../support/scrape.ts';
import { FakeDaemon } from './fake-daemon.ts';

async function snapshot(): Promise<Snapshot> {
  return { ...(await new FakeDaemon().metrics()), version: '1.2.3' };
}

// Seen red with: one word of a help text changed; a label added to a definition.
test('docs/metrics.md lists every metric of the registry with its type, labels and help, and no other', async () => {
  const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(projectionist_\w+)` +\| (\w+) +\| (.*?) *\| (.+?) *\|$/gm)].map(
    ([, name = '', type = '', labels = '', help = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/\w+/g)].flat(),
      help,
    }),
  );
  const listed = METRICS.map(({ name, type, labels, help }) => ({ name, type, labels, help }));
  const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
  expect(rows.sort(byName)).toEqual(listed.sort(byName));
});

// Seen red with: the `remove` of prom-client's initial 0 taken out.
test('a value that is not known has no sample, with labels and without', async () => {
  const taken = await snapshot();
  const projections = taken.projections.map((one) => ({ ...one, status: { ...one.status, lagSeconds: null } }));
  const scraped = readScrape(await render(METRICS, { ...taken, projections, head: null, publisher: null }));
  for (const name of ['head_position', 'publisher_unconfirmed', 'lag_seconds'])
    expect(scraped.get(`projectionist_${name}`)?.samples, name).toEqual([]);
});

// Seen red with: one registry for all scrapes, printed after an `await`.
test('two scrapes at the same time print their own snapshots', async () => {
  const taken = await snapshot();
  const texts = await Promise.all([1n, 2n].map((head) => render(METRICS, { ...taken, head })));
  const heads = texts.map((text) => readScrape(text).get('projectionist_head_position')?.samples[0]?.value);
  expect(heads).toEqual([1, 2]);
});

// Seen red with: a bound left out of the buckets.
test('the latency histogram is printed with its buckets, its sum and its count, for each projection', async () => {
  const histogram = METRICS.filter(({ type }) => type === 'histogram');
  const { latency, ...rest } = await snapshot();
  latency.zero({ projection: 'band' });
  for (const seconds of [0.3, 0.5, 0.7, 61]) latency.observe({ projection: 'event' }, seconds);
  const lines = (await render(histogram, { ...rest, latency })).trim().split('\n');
  const name = 'projectionist_append_to_row_seconds';
  const bounds = ['0.002', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', '60'];
  const printed = (projection: string, counts: readonly number[], sum: number, count: number) => [
    ...[...bounds, '+Inf'].map((le, at) => `${name}_bucket{le="${le}",projection="${projection}"} ${counts[at]}`),
    `${name}_sum{projection="${projection}"} ${sum}`,
    `${name}_count{projection="${projection}"} ${count}`,
  ];
  expect(lines).toEqual([
    expect.stringMatching(/^# HELP projectionist_append_to_row_seconds Seconds from /),
    `# TYPE ${name} histogram`,
    ...printed('band', Array(15).fill(0), 0, 0),
    ...printed('event', [...Array(7).fill(0), 2, ...Array(6).fill(3), 4], 62.5, 4),
  ]);
});
