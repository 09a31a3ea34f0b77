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

test('two scrapes at the same time print their own snapshots', async () => {
  const taken = await snapshot();
  const texts = await Promise.all([1n, 2n].map((head) => render(METRICS, { ...taken, head })));
  const heads = texts.map((text) => readScrape(text).get('projectionist_head_position')?.samples[0]?.value);
  expect(heads).toEqual([1, 2]);
});

// Seen red with: the `+Inf` bucket left out.
test('a histogram is printed as the daemon has counted it', async () => {
  const histogram = METRICS.filter(({ type }) => type === 'histogram');
  const taken = await snapshot();
  const latency = {
    name: 'band',
    buckets: [
      { le: 0.5, count: 2 },
      { le: 1, count: 3 },
    ],
    sum: 7.5,
    count: 4,
  };
  const [first] = taken.projections;
  if (first === undefined) throw new Error('the fake daemon has a projection');
  const text = await render(histogram, { ...taken, projections: [{ ...first, latency }] });
  expect(text.split('\n').slice(1)).toEqual([
    '# TYPE projectionist_append_to_row_seconds histogram',
    'projectionist_append_to_row_seconds_bucket{projection="band",le="0.5"} 2',
    'projectionist_append_to_row_seconds_bucket{projection="band",le="1"} 3',
    'projectionist_append_to_row_seconds_bucket{projection="band",le="+Inf"} 4',
    'projectionist_append_to_row_seconds_sum{projection="band"} 7.5',
    'projectionist_append_to_row_seconds_count{projection="band"} 4',
    '',
  ]);
});
