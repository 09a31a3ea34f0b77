import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createControlApi } from '../../src/http/control-api.ts';
import { create, type Daemon, defineProjection, type EventShape, publisher } from '../../src/index.ts';
import { untilStatus } from '../support/engine.ts';
import { complaints, promtool } from '../support/promtool.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { readScrape, type Scraped } from '../support/scrape.ts';

const CANARY = 'a-secret-payload';
const docs = new URL('../../docs/', import.meta.url);

type Definition = Parameters<ReturnType<typeof defineProjection<EventShape>>>[0];

/** Counts events of one kind in a table of its own name. */
function tally(name: string, { on = {}, policy = {} }: Pick<Partial<Definition>, 'on' | 'policy'> = {}) {
  return defineProjection<EventShape>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (id text PRIMARY KEY)`,
    tables: { [name]: { key: ['id'] } },
    on: { Counted: ({ aggregateId: id }) => create(name, { id }), ...on },
    policy,
  });
}
const folded = tally('folded');
const bad = {
  Bad: () => {
    throw new Error(CANARY);
  },
};
const faulty = tally('faulty', { on: bad });
const skipping = tally('skipping', { on: bad, policy: { onFailure: 'skip', maxFailureCount: 1 } });

let scene: Scene;
let daemon: Daemon;
let text: string;
let scraped: ReadonlyMap<string, Scraped>;

/** The value of the one sample with these labels, others allowed. */
function value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const fits = (one: Scraped['samples'][number]) => Object.entries(labels).every(([key, is]) => one.labels[key] === is);
  return scraped.get(`projectionist_${name}`)?.samples.find(fits)?.value;
}

beforeAll(async () => {
  scene = await openScene([folded, faulty, skipping]);
  const event = (name: string, number: number) => ({
    aggregateName: 'domain.Test',
    aggregateId: `one-${number}`,
    sequenceNo: 1,
    name,
    payload: { secret: CANARY },
  });
  await scene.append(...Array.from({ length: 20 }, (_, index) => event('Counted', index)), event('Bad', 20));
  // Nobody listens there: what is told of a broker is told of one that is away too.
  const urls = ['amqp://127.0.0.1:1'];
  daemon = await scene.start({ retries: 1, broker: { urls }, publisher: publisher({ urls }) });
  await untilStatus(daemon, 'folded', ({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  await untilStatus(daemon, 'faulty', ({ failure }) => failure?.attempts === 2);
  await scene.append(event('Counted', 21));
  await untilStatus(daemon, 'skipping', ({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  await vi.waitFor(async () => {
    expect((await daemon.latency()).find(({ name }) => name === 'folded')?.count).toBe(1);
  });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const options = { daemon, token: 't', host: '127.0.0.1', port: 0, version: '1.2.3', log };
  const server = await createControlApi(options).listen();
  const answer = await fetch(new URL('/metrics', server.url));
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  text = await answer.text();
  scraped = readScrape(text);
  await server.close(0);
});
afterAll(() => scene[Symbol.asyncDispose]());

// Seen red with: `cut` without the failure; `retried` never called; `folded` or `statement` never told.
test('what has happened is counted: pages, events, failures, retries, statements by event and folds by table', () => {
  expect(value('projection_state', { projection: 'folded', state: 'live' })).toBe(1);
  expect(value('projection_state', { projection: 'faulty', state: 'failed' })).toBe(1);
  expect(value('projection_state', { projection: 'faulty', state: 'live' })).toBe(0);
  expect(value('events_applied_total', { projection: 'folded' })).toBe(21);
  expect(value('events_applied_total', { projection: 'faulty' })).toBe(20);
  expect(value('pages_total', { projection: 'folded', mode: 'folded' })).toBe(1);
  expect(value('pages_total', { projection: 'folded', mode: 'at_once' })).toBe(1);
  expect(value('failures_total', { projection: 'faulty' })).toBe(2);
  expect(value('failures_total', { projection: 'folded' })).toBe(0);
  expect(value('retries_total', { projection: 'faulty' })).toBe(1);
  expect(value('folds_total', { projection: 'folded', table: 'folded' })).toBe(1);
  expect(value('folds_seconds_total', { projection: 'folded', table: 'folded' })).toBeGreaterThan(0);
  expect(value('statements_total', { projection: 'folded', event: 'Counted' })).toBe(1);
  expect(value('statements_seconds_total', { projection: 'folded', event: 'Counted' })).toBeGreaterThan(0);
  expect(value('append_to_row_seconds', { projection: 'folded', le: '+Inf' })).toBe(1);
});

// Seen red with: the skipped event counted as applied; `skipped` left at 0.
test('an event that was skipped is on record, and not applied', () => {
  expect(value('events_applied_total', { projection: 'skipping' })).toBe(21);
  expect(value('failures_total', { projection: 'skipping' })).toBe(1);
  expect(value('skipped_events', { projection: 'skipping' })).toBe(1);
  expect(value('skipped_events', { projection: 'faulty' })).toBe(0);
});

test('where everything stands is told: lag, positions, head, database, pools, wakes, broker, publisher', () => {
  expect(value('lag_events', { projection: 'folded' })).toBe(0);
  expect(value('lag_events', { projection: 'faulty' })).toBe(2);
  expect(value('position', { projection: 'faulty' })).toBe(20);
  expect(value('head_position')).toBe(22);
  expect(value('database_up')).toBe(1);
  expect(value('store_problem')).toBe(0);
  expect(value('pool_waiting', { pool: 'work' })).toBe(0);
  expect(value('wakes_total', { source: 'schedule' })).toBeGreaterThan(0);
  expect((value('positions_announced_total') ?? 0) + (value('positions_missed_total') ?? 0)).toBe(1);
  expect(value('broker_state', { state: 'healthy' })).toBe(0);
  expect(value('publisher_lag_events')).toBe(22);
  expect(value('info', { version: '1.2.3', daemon: daemon.id })).toBe(1);
  expect(scraped.get('nodejs_eventloop_lag_p99_seconds')?.type).toBe('gauge');
});

// Seen red with: `nodejs_active_handles_total` left in.
test.skipIf(promtool === null)('promtool finds nothing wrong with what is scraped', () => {
  expect(complaints(['check', 'metrics'], text)).toBe('');
});

test('no payload, error text, SQL or secret is scraped, and labels take what projections declare alone', () => {
  expect(text).not.toMatch(/a-secret-payload|SELECT|INSERT|postgres:|amqp:/);
  const names = new Set(
    [...scraped.values()].flatMap(({ samples }) => samples.flatMap(({ labels }) => labels['event'] ?? [])),
  );
  expect([...names]).toEqual(['Counted']);
});

describe('docs', () => {
  // Seen red with: a row's name changed; a family's label changed.
  test('docs/metrics.md lists every metric that is scraped, with its type and labels, and no other', async () => {
    const page = await readFile(new URL('metrics.md', docs), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) *\| .+\|$/gm)].map(
      ([, name = '', type = '', labels = '']) => ({ name, type, labels: [...labels.matchAll(/\w+/g)].flat().sort() }),
    );
    const real = [...scraped].map(([name, { type, labels }]) => ({ name, type, labels: [...labels].sort() }));
    const ours = ({ name }: { readonly name: string }) => name.startsWith('projectionist_');
    const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
    expect(rows.filter(ours).sort(byName)).toEqual(real.filter(ours).sort(byName));
    // The others are prom-client's: some need something to happen before they have labels, and some only Linux has.
    const types = (all: typeof rows) => all.filter((row) => !ours(row)).map(({ name, type }) => `${name} ${type}`);
    if (process.platform === 'linux') expect(types(rows).sort()).toEqual(types(real).sort());
    else expect(types(rows)).toEqual(expect.arrayContaining(types(real)));
  });

  // Seen red with: a metric's name misspelt in the dashboard.
  test.each(['grafana/projectionist.json', 'grafana/alerts.yml'])(
    '%s names only metrics that are scraped',
    async (file) => {
      const named = (await readFile(new URL(file, docs), 'utf8')).matchAll(
        /\b(?:projectionist|nodejs|process)_[a-z0-9_]+/g,
      );
      const names = [...new Set([...named].map(([name]) => name.replace(/_bucket$/, '')))];
      expect(names.length).toBeGreaterThan(8);
      expect(names.filter((name) => !scraped.has(name))).toEqual([]);
    },
  );

  // Seen red with: a bracket left open in an expression.
  test.skipIf(promtool === null)('promtool takes the alert rules, and they fire when they should', () => {
    const file = (name: string) => fileURLToPath(new URL(`grafana/${name}`, docs));
    expect(complaints(['check', 'rules', file('alerts.yml')])).not.toMatch(/FAILED|error/i);
    expect(complaints(['test', 'rules', file('alerts.test.yml')])).not.toMatch(/FAILED|error/i);
  });

  // Seen red with: a bracket left open in an expression.
  test.skipIf(promtool === null)('promtool takes every expression of the dashboard', async () => {
    const dashboard = JSON.parse(await readFile(new URL('grafana/projectionist.json', docs), 'utf8')) as {
      readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
    };
    const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(20);
    const rules = expressions.map((expr, index) => ({
      record: `expression_${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
    }));
    // JSON is YAML too.
    const folder = await mkdtemp(join(tmpdir(), 'projectionist-rules-'));
    await writeFile(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(complaints(['check', 'rules', join(folder, 'rules.yml')])).not.toMatch(/FAILED|error/i);
    await rm(folder, { recursive: true });
  });
});
