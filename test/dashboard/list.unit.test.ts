import { expect, test } from 'vitest';
import { counts, matching, ordered } from '../../src/dashboard/list/order.ts';
import { Samples } from '../../src/dashboard/samples.ts';
import { statusOf } from '../http/fake-daemon.ts';

const FAILURE = {
  eventId: 'e',
  position: '7',
  eventName: 'BandCreated',
  attempts: 1,
  error: 'null value in column "name"',
  sqlstate: '23502',
  code: null,
  statement: null,
  at: '2026-01-02T03:04:05Z',
};
const FLEET = [
  statusOf('p10'),
  statusOf('p2'),
  statusOf('late', { state: 'catching-up', lagEvents: 9, behindSeconds: 4, etaSeconds: 2 }),
  statusOf('broken', { state: 'failed', failure: FAILURE, lagEvents: 3, behindSeconds: 60, owner: 'other:2' }),
  statusOf('fresh', { state: 'resetting', lagEvents: 42, behindSeconds: 1 }),
];
const names = (statuses: readonly { readonly name: string }[]) => statuses.map(({ name }) => name);

test('the most urgent states come first; equal projections are sorted by name, with numbers in numeric order', () => {
  expect(names(ordered(FLEET, { by: 'state', descending: false }))).toEqual(['broken', 'fresh', 'late', 'p2', 'p10']);
  expect(names(ordered(FLEET, { by: 'state', descending: true }))).toEqual(['p2', 'p10', 'late', 'fresh', 'broken']);
});

test('the list is sorted by lag, by time behind and by remaining time', () => {
  expect(names(ordered(FLEET, { by: 'lag', descending: true }))).toEqual(['fresh', 'late', 'broken', 'p2', 'p10']);
  expect(names(ordered(FLEET, { by: 'time', descending: true })).slice(0, 3)).toEqual(['broken', 'late', 'fresh']);
  // Seen red with: a lag of null taken for 0.
  const unread = [...FLEET, statusOf('unread', { lagEvents: null }), statusOf('also', { lagEvents: null })];
  expect(names(ordered(unread, { by: 'lag', descending: true })).slice(0, 3)).toEqual(['also', 'unread', 'fresh']);
  expect(names(ordered(FLEET, { by: 'eta', descending: true }))[0]).toBe('late');
  expect(names(ordered(FLEET, { by: 'owner', descending: false }))[0]).toBe('broken');
});

test('a search finds names, errors, event types and daemons that hold all its words; the state filter narrows it', () => {
  const found = (search: string, state: 'failed' | 'live' | null = null) => names(matching(FLEET, { search, state }));
  expect(found('NULL value')).toEqual(['broken']);
  expect(found('bandcreated other:2')).toEqual(['broken']);
  expect(found('bandcreated test:1')).toEqual([]);
  expect(found('p')).toContain('p2');
  expect(found('', 'live')).toEqual(['p10', 'p2']);
  expect([...counts(FLEET)]).toEqual([
    ['failed', 1],
    ['resetting', 1],
    ['catching-up', 1],
    ['idle', 0],
    ['live', 2],
  ]);
});

// Seen red with: no sample ever dropped (a page that is open for a month).
test('samples are bounded, the oldest are dropped first, and those of removed projections are dropped', () => {
  const samples = new Samples(100);
  for (let at = 0; at < 1000; at++) samples.add('band', at, at * 2, 1);
  const { at, lag, rate } = samples.of('band');
  expect(at.length).toBeLessThanOrEqual(110);
  expect([lag.length, rate.length]).toEqual([at.length, at.length]);
  expect([at.at(-1), lag.at(-1)]).toEqual([999, 1998]);
  samples.retain(new Set(['event']));
  expect(samples.of('band').at).toEqual([]);
});
